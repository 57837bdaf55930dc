"""The bundled model in PyTorch eager mode: peer of the benchmark, and an independent decoder for the
evaluation. Same weights, same schedule, same guidance as `zoetrope animate`.

The U-Net is tests/oracles/animate_oracle.py, the autoencoder is diffusers' AutoencoderKL. The text
states are taken as given: their encoder costs about a millisecond.
"""
import json
import math
import pathlib
import sys

import safetensors.torch
import torch
from diffusers import AutoencoderKL

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "oracles"))
import animate_oracle  # noqa: E402


def read_dump(folder):
    """Every tensor of an `animate --dump` folder, by name."""
    return {name: tensor for path in sorted(pathlib.Path(folder).glob("*.safetensors"))
            for name, tensor in safetensors.torch.load_file(path).items()}


class Autoencoder:
    """Pixels u8 [n, h, w, 3] to normalised latents [n, h, w, c] and back."""

    def __init__(self, model, dtype=torch.float32):
        self.vae = AutoencoderKL.from_pretrained(pathlib.Path(model) / "vae", torch_dtype=dtype)
        self.vae = self.vae.to(memory_format=torch.channels_last).eval()
        self.dtype = dtype
        mean, std = self.vae.config.latents_mean, self.vae.config.latents_std
        self.mean, self.std = torch.tensor(mean), torch.tensor(std)

    @torch.inference_mode()
    def encode(self, pixels):
        x = (torch.as_tensor(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1).to(self.dtype)
        mean = self.vae.encode(x).latent_dist.mean.permute(0, 2, 3, 1).float()
        return (mean - self.mean) / self.std

    @torch.inference_mode()
    def decode(self, latents):
        z = (latents.float() * self.std + self.mean).permute(0, 3, 1, 2).to(self.dtype)
        pixels = (self.vae.decode(z).sample.float() + 1) * 127.5
        return pixels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def cosine_times(steps):
    """Uniform times from pure noise to none; the network is told 1000 t."""
    return [1 - i / steps for i in range(steps + 1)]


class Peer:
    """The whole of `animate` between picture and pixels, for one request."""

    def __init__(self, model, dtype):
        model = pathlib.Path(model)
        self.dtype = dtype
        self.unet = animate_oracle.load(model / "unet", dtype)
        self.autoencoder = Autoencoder(model, dtype)
        self.defaults = json.loads((model / "model_index.json").read_text())

    @torch.inference_mode()
    def condition(self, text, image_latents):
        """One row a branch. text [b, n, c], image_latents [b, f, h, w, c]."""
        motion = torch.full((len(text),), 100.0 * self.defaults["motion"])
        return self.unet.condition(text.to(self.dtype), image_latents.permute(0, 1, 4, 2, 3).to(self.dtype), motion)

    @torch.inference_mode()
    def sample(self, noise, text, negative_text, image_latents, steps):
        """DPM-Solver++ 2M with three-way guidance. noise [f, h, w, c] fp32 -> latents alike."""
        condition = self.condition(torch.cat([negative_text, negative_text, text]),
                                   torch.cat([torch.zeros_like(image_latents), image_latents, image_latents]))
        s_image, s_text = self.defaults["image_guidance_scale"], self.defaults["text_guidance_scale"]
        weights = torch.tensor([1 - s_image, s_image - s_text, s_text]).view(3, 1, 1, 1, 1)
        x = noise.permute(0, 3, 1, 2)
        times, previous = cosine_times(steps), None
        for i, (t, s) in enumerate(zip(times, times[1:])):
            batch = x.expand(3, *x.shape).to(self.dtype)
            v = self.unet(batch, torch.full((3,), 1000.0 * t), condition).float()
            v = (weights * v).sum(0)
            alpha, sigma = math.cos(math.pi * t / 2), math.sin(math.pi * t / 2)
            x0 = alpha * x - sigma * v
            if s == 0:
                x = x0  # where the noise ends the exact step is the prediction
                break
            alpha_s, sigma_s = math.cos(math.pi * s / 2), math.sin(math.pi * s / 2)
            # From t = 1 log(alpha / sigma) is minus infinity: first order, and no slope after it.
            h = math.log(alpha_s / sigma_s) - (math.log(alpha / sigma) if i else -math.inf)
            slope = 0.0
            if previous is not None and math.isfinite(previous[1]):
                slope = (x0 - previous[0]) * (h / previous[1])
            x = sigma_s / sigma * x - alpha_s * math.expm1(-h) * (x0 + 0.5 * slope)
            previous = (x0, h)
        return x.permute(0, 2, 3, 1)

    def animate(self, picture, noise, text, negative_text, steps):
        """picture u8 [h, w, 3] -> frames u8 [f, h, w, 3], the first one being the picture."""
        latents = self.autoencoder.encode(picture[None])
        image_latents = latents.expand(1, len(noise), *latents.shape[1:])
        return self.autoencoder.decode(self.sample(noise, text, negative_text, image_latents, steps)[1:])
