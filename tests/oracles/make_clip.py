#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/clip, made by transformers' CLIP models.

Without arguments, writes them; with --check, compares. Needs torch and transformers.
"""

import torch
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
)

from model_fixtures import generate_weights, main, numbers, randomise, reference, save, save_generated

BEGIN, END, PAD = 61, 62, 63


def prompts(length, pad, end=END):
    """A full prompt, a short padded one and an empty one."""
    ids = torch.full((3, length), pad, dtype=torch.int64)
    ids[:, 0] = BEGIN
    ids[0, 1:-1] = torch.arange(length - 2) * 7 % 60
    ids[0, -1] = end
    ids[1, 1:4] = torch.tensor([5, 9, end])
    ids[2, 1] = end
    return ids


def run_text(model, token_ids):
    out = model(token_ids)
    if isinstance(model, CLIPTextModelWithProjection):
        return {"hidden": out.last_hidden_state, "text_embeds": out.text_embeds}
    return {"hidden": out.last_hidden_state, "pooled": out.pooler_output}


def make_text(folder, token_ids, cls=CLIPTextModel, rename=None, **options):
    config = CLIPTextConfig(
        vocab_size=64, intermediate_size=48, num_hidden_layers=2, max_position_embeddings=13, projection_dim=8,
        bos_token_id=BEGIN, pad_token_id=PAD, **options,
    )
    model = randomise(cls(config), seed=1)
    save(folder, model, {"token_ids": token_ids} | reference(model, run_text, {"token_ids": token_ids}), rename)


def make_vision(folder):
    config = CLIPVisionConfig(
        hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=14, patch_size=4,
        projection_dim=10, hidden_act="gelu", layer_norm_eps=1e-4,
    )
    model = randomise(CLIPVisionModelWithProjection(config), seed=2)
    images = numbers(3, 3, 3, 14, 14)
    case = reference(model, lambda m, images: {"image_embeds": m(images).image_embeds}, {"images": images})

    # What the processor makes of a picture that has the right size already.
    picture = (numbers(4, 1, 3, 14, 14, std=0.2) + 0.5).clamp(0, 1)
    processor = CLIPImageProcessor(do_resize=False, do_center_crop=False, do_rescale=False, image_std=[0.25, 0.5, 0.3])
    case["preprocessed"] = torch.as_tensor(processor(picture, return_tensors="pt").pixel_values).permute(0, 2, 3, 1)
    case["picture"] = picture.permute(0, 2, 3, 1)
    case["images"] = images.permute(0, 2, 3, 1)
    save(folder, model, {k: v.contiguous() for k, v in case.items()})


def make_vision_plain(folder):
    """What Wan's image-to-video networks attend to."""
    config = CLIPVisionConfig(
        hidden_size=24, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, image_size=12, patch_size=4,
        hidden_act="gelu", architectures=["CLIPVisionModel"],
    )
    model = generate_weights(CLIPVisionModel(config))
    images = numbers(5, 2, 3, 12, 12)

    def run(model, images):
        out = model(images, output_hidden_states=True)
        return {"pooled": out.pooler_output, "penultimate": out.hidden_states[-2]}

    case = reference(model, run, {"images": images})
    case["images"] = images.permute(0, 2, 3, 1).bfloat16()
    save_generated(folder, model, case)


def make(folder):
    # Stable Diffusion 1.x: the wrong eos id of old configurations (the end token is then the highest
    # id, so its prompts are padded with it), and the names that transformers wrote before version 5.
    make_text(
        folder / "text_sd1", prompts(13, pad=END), hidden_size=24, num_attention_heads=3, eos_token_id=2,
        hidden_act="quick_gelu", rename=lambda name: "text_model." + name,
    )
    make_text(
        folder / "text_gelu", prompts(9, pad=PAD), hidden_size=32, num_attention_heads=2, eos_token_id=END,
        hidden_act="gelu", layer_norm_eps=1e-4,
    )
    make_text(
        folder / "text_projection", prompts(13, pad=PAD), CLIPTextModelWithProjection, hidden_size=16,
        num_attention_heads=1, eos_token_id=END,
    )
    make_vision(folder / "vision")
    make_vision_plain(folder / "vision_plain")


if __name__ == "__main__":
    main("clip", make, __doc__)
