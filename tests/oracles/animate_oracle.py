"""The bundled animate U-Net in PyTorch: oracle of the parity tests and peer of the benchmark.

It covers the variants that the bundled configuration uses (see src/models/animate_unet/config.h) and
loads the same checkpoints: every parameter has the name it has there. Activations are
[b * f, c, h, w] in channels_last.
"""

import json
import math
import pathlib

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

# What this module is: other values of these fields are other networks.
VARIANT = {
    "first_frame_keys": True,
    "time_scale_shift": True,
    "temporal_double_self_attention": False,
    "transformer_projections": False,
    "temporal_transformer_in": False,
    "image_latents_encoder": False,
    "image_embeddings": False,
}


def sinusoidal(values, channels):
    frequency = torch.exp(-math.log(10000.0) * torch.arange(channels // 2, device=values.device) / (channels // 2))
    angle = values.float()[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=1)


class Resnet(nn.Module):
    def __init__(self, c_in, c_out, c):
        super().__init__()
        self.norm1 = nn.GroupNorm(c["norm_num_groups"], c_in, eps=1e-5)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.time_emb_proj = nn.Linear(c["time_embed_dim"], 2 * c_out)
        self.norm2 = nn.GroupNorm(c["norm_num_groups"], c_out, eps=1e-5)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x, embedding, frames):
        scale, shift = self.time_emb_proj(embedding).repeat_interleave(frames, 0)[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return self.conv_shortcut(x) + h


class TemporalConvBlock(nn.Module):
    def __init__(self, channels, c):
        super().__init__()
        self.layers = []
        for i in range(c["temporal_conv_layers"]):
            layer = nn.ModuleDict()
            layer["0"] = nn.GroupNorm(c["norm_num_groups"], channels, eps=1e-5)
            layer["2" if i == 0 else "3"] = nn.Conv3d(channels, channels, (3, 1, 1))
            setattr(self, f"conv{i + 1}", layer)
            self.layers.append(tuple(layer.values()))

    def forward(self, x, frames):
        n, c, h, w = x.shape
        # [b, c, f, h * w]: a convolution over frames is one over rows.
        clip = x.permute(0, 2, 3, 1).reshape(n // frames, frames, h * w, c).permute(0, 3, 1, 2)
        y = clip
        for norm, conv in self.layers:
            y = F.conv2d(F.silu(norm(y)), conv.weight.squeeze(-1), conv.bias, padding=(1, 0))
        return (clip + y).permute(0, 2, 3, 1).reshape(n, h, w, c).permute(0, 3, 1, 2)


class Attention(nn.Module):
    def __init__(self, channels, context, c, **parameters):
        super().__init__()
        self.heads, self.dim = channels // c["attention_head_dim"], c["attention_head_dim"]
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context, channels, bias=False)
        self.to_v = nn.Linear(context, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])
        for name, shape in parameters.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    def split(self, x):
        return x.unflatten(-1, (-1, self.heads, self.dim))

    def self_qkv(self, x):
        weight = torch.cat([self.to_q.weight, self.to_k.weight, self.to_v.weight])
        return self.split(F.linear(x, weight)).unbind(-3)

    def context_kv(self, context):
        weight = torch.cat([self.to_k.weight, self.to_v.weight])
        return self.split(F.linear(context, weight)).unbind(-3)

    def attend(self, q, k, v):
        """[n, tokens, heads, d] each -> [n, tokens, channels]"""
        h = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.to_out[0](h.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, channels, c):
        super().__init__()
        inner = c["feed_forward_multiple"] * channels
        self.net = nn.ModuleList([nn.Module(), nn.Identity(), nn.Linear(inner, channels)])
        self.net[0].proj = nn.Linear(channels, 2 * inner)

    def forward(self, x):
        value, gate = self.net[0].proj(x).chunk(2, -1)
        return self.net[2](value * F.gelu(gate))


class Block(nn.Module):
    """Holds the layers under `transformer_blocks.0`, where diffusers has them."""

    def __init__(self, **layers):
        super().__init__()
        self.transformer_blocks = nn.ModuleList([nn.ModuleDict(layers)])

    @property
    def layers(self):
        return self.transformer_blocks[0]


class SpatialTransformer(Block):
    def __init__(self, channels, positions, c):
        heads = channels // c["attention_head_dim"]
        super().__init__(
            norm1=nn.LayerNorm(channels),
            attn1=Attention(
                channels,
                channels,
                c,
                position=(positions, channels),
                first_frame_marker=(heads, c["attention_head_dim"]),
            ),
            norm2=nn.LayerNorm(channels),
            attn2=Attention(channels, c["cross_attention_dim"], c),
            norm3=nn.LayerNorm(channels),
            ff=FeedForward(channels, c),
        )

    def self_attention(self, x, frames):
        attn = self.layers["attn1"]
        q, k, v = attn.self_qkv(x + attn.position)

        def with_first_frame(t, first):
            first = first[:, None].expand(-1, frames, -1, -1, -1).flatten(0, 1)
            return torch.cat([t, first], 1)

        k = with_first_frame(k, k[::frames] + attn.first_frame_marker)
        v = with_first_frame(v, v[::frames])
        return attn.attend(q, k, v)

    def forward(self, x, context, frames):
        n, c, h, w = x.shape
        layers = self.layers
        y = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
        y = y + self.self_attention(layers["norm1"](y), frames)
        y = y.reshape(context.shape[0], -1, c)  # a clip's frames share its context
        attn = layers["attn2"]
        q = attn.to_q(layers["norm2"](y)).unflatten(-1, (attn.heads, attn.dim))
        y = y + attn.attend(q, *attn.context_kv(context))
        y = y + layers["ff"](layers["norm3"](y))
        return y.reshape(n, h, w, c).permute(0, 3, 1, 2)


class TemporalTransformer(Block):
    def __init__(self, channels, c):
        super().__init__(
            norm1=nn.LayerNorm(channels),
            attn1=Attention(channels, channels, c, position=(c["position_frames"], 1, channels)),
            norm3=nn.LayerNorm(channels),
            ff=FeedForward(channels, c),
        )

    def forward(self, x, frames):
        n, c, h, w = x.shape
        layers = self.layers
        attn = layers["attn1"]
        y = x.permute(0, 2, 3, 1).reshape(n // frames, frames, h * w, c)
        q, k, v = attn.self_qkv(layers["norm1"](y) + attn.position[:frames])
        # Few frames at many positions: plain products.
        q, k, v = (t.permute(0, 2, 3, 1, 4) for t in (q, k, v))  # [b, hw, heads, f, d]
        weights = (q * attn.dim**-0.5 @ k.transpose(-1, -2)).softmax(-1)
        y = y + attn.to_out[0]((weights @ v).permute(0, 3, 1, 2, 4).flatten(3))
        y = y + layers["ff"](layers["norm3"](y))
        return y.reshape(n, h, w, c).permute(0, 3, 1, 2)


class UnitBlock(nn.Module):
    """The units of one level, and its change of size: down_blocks.N, mid_block or up_blocks.N."""

    def __init__(self, widths, out, level, attention, c, resample=None):
        super().__init__()
        positions = (c["position_size"] >> level) ** 2
        self.resnets = nn.ModuleList([Resnet(width, out, c) for width in widths])
        self.temp_convs = nn.ModuleList([TemporalConvBlock(out, c) for _ in widths])
        self.attentions = nn.ModuleList([SpatialTransformer(out, positions, c) for _ in range(attention)])
        self.temp_attentions = nn.ModuleList([TemporalTransformer(out, c) for _ in range(attention)])
        if resample is not None:
            conv = nn.Module()
            conv.conv = nn.Conv2d(out, out, 3, padding=1, stride=2 if resample == "downsamplers" else 1)
            setattr(self, resample, nn.ModuleList([conv]))

    def unit(self, i, x, embedding, context, frames):
        x = self.temp_convs[i](self.resnets[i](x, embedding, frames), frames)
        if i < len(self.attentions):
            x = self.temp_attentions[i](self.attentions[i](x, context, frames), frames)
        return x


class ImageTokens(nn.Sequential):
    def __init__(self, c, channels):
        size = c["image_context_size"]
        width = c.get("image_context_width", 0) or channels * 8
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d((size, size)),
            nn.Conv2d(width, width * 2, 3, padding=1, stride=2),
            nn.SiLU(),
            nn.Conv2d(width * 2, c["cross_attention_dim"], 3, padding=1, stride=2),
        )
        side = (size + 3) // 4
        self.position = nn.Parameter(torch.zeros(side * side, c["cross_attention_dim"]))

    def forward(self, x):
        return super().forward(x).flatten(2).transpose(1, 2) + self.position


class AnimateUNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        for name, value in VARIANT.items():
            if c[name] != value:
                raise ValueError(f"{name} must be {value}")
        self.config = c
        widths, layers, embed = c["block_out_channels"], c["layers_per_block"], c["time_embed_dim"]
        self.fold = c["latent_fold"]
        channels = c["in_channels"] * self.fold**2
        self.conv_in = nn.Conv2d(2 * channels, widths[0], 3, padding=1)
        self.time_embedding = nn.ModuleDict(
            {"linear_1": nn.Linear(widths[0], embed), "linear_2": nn.Linear(embed, embed)}
        )
        self.fps_embedding = nn.Sequential(nn.Linear(widths[0], embed), nn.SiLU(), nn.Linear(embed, embed))
        if c.get("guidance_embeds", False):
            self.guidance_embedding = nn.Sequential(
                nn.Linear(2 * widths[0], embed), nn.SiLU(), nn.Linear(embed, embed)
            )
        self.image_latents_context_embedding = ImageTokens(c, channels)

        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        skips, width = [widths[0]], widths[0]
        for level, out in enumerate(widths):
            last = level == len(widths) - 1
            attention = layers if c["down_block_types"][level].startswith("CrossAttn") else 0
            self.down_blocks.append(
                UnitBlock([width] + [out] * (layers - 1), out, level, attention, c, None if last else "downsamplers")
            )
            skips += [out] * (layers if last else layers + 1)
            width = out
        self.mid_block = UnitBlock([width, width], width, len(widths) - 1, 1, c)
        for i, out in enumerate(reversed(widths)):
            level = len(widths) - 1 - i
            inputs = [(width if j == 0 else out) + skips.pop() for j in range(layers + 1)]
            attention = layers + 1 if c["up_block_types"][i].startswith("CrossAttn") else 0
            self.up_blocks.append(UnitBlock(inputs, out, level, attention, c, "upsamplers" if level else None))
            width = out
        self.conv_norm_out = nn.GroupNorm(c["norm_num_groups"], widths[0], eps=1e-5)
        self.conv_out = nn.Conv2d(widths[0], c["out_channels"] * self.fold**2, 3, padding=1)

    def condition(self, text, image_latents, fps, guidance=None):
        """What stays the same over the steps. text [b, n, c], image_latents [b, f, c, h, w], fps [b].

        A student takes guidance [b, 2], the image and the text scale, in units of 1/100.
        """
        latents = F.pixel_unshuffle(image_latents, self.fold)
        context = torch.cat([text, self.image_latents_context_embedding(latents[:, 0])], 1)
        waves = sinusoidal(fps.clamp(min=0), self.conv_in.out_channels).to(text.dtype)
        embedding = self.fps_embedding(waves) * (fps >= 0)[:, None].to(text.dtype)
        if guidance is not None:
            scales = [sinusoidal(100 * guidance[:, i], self.conv_in.out_channels) for i in range(2)]
            embedding = embedding + self.guidance_embedding(torch.cat(scales, 1).to(text.dtype))
        return latents, context, embedding

    def forward(self, sample, timestep, condition):
        """sample [b, f, c, h, w], timestep [b] -> [b, f, c, h, w]"""
        latents, context, fps_embedding = condition
        b, frames = sample.shape[:2]
        time = sinusoidal(timestep, self.conv_in.out_channels).to(sample.dtype)
        time = self.time_embedding["linear_2"](F.silu(self.time_embedding["linear_1"](time)))
        embedding = F.silu(time + fps_embedding)

        x = torch.cat([F.pixel_unshuffle(sample, self.fold), latents], 2).flatten(0, 1)
        h = self.conv_in(x.contiguous(memory_format=torch.channels_last))
        skips = [h]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                h = block.unit(i, h, embedding, context, frames)
                skips.append(h)
            if hasattr(block, "downsamplers"):
                h = block.downsamplers[0].conv(h)
                skips.append(h)
        for i in range(2):
            h = self.mid_block.unit(i, h, embedding, context, frames)
        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                h = block.unit(i, torch.cat([h, skips.pop()], 1), embedding, context, frames)
            if hasattr(block, "upsamplers"):
                h = block.upsamplers[0].conv(F.interpolate(h, size=skips[-1].shape[-2:], mode="nearest"))
        h = self.conv_out(F.silu(self.conv_norm_out(h)))
        return F.pixel_shuffle(h, self.fold).unflatten(0, (b, frames))


def load(folder, dtype=torch.float32):
    """The network of a checkpoint folder (config.json, diffusion_pytorch_model.safetensors)."""
    folder = pathlib.Path(folder)
    model = AnimateUNet(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(safetensors.torch.load_file(folder / "diffusion_pytorch_model.safetensors"))
    model = model.to(dtype).eval()
    for parameter in model.parameters():
        if parameter.dim() == 4:  # the temporal convolutions' weights have five dimensions
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model
