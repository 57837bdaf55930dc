#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/t5, made by transformers' T5 and UMT5 encoders.

Without arguments, writes them; with --check, compares. Needs torch and transformers.
"""

import torch
from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

from model_fixtures import generate_weights, main, reference, save_generated

PAD, END = 0, 1


def prompts(length):
    """A full prompt, a short padded one and an empty one, with their mask."""
    ids = torch.full((3, length), PAD, dtype=torch.int64)
    ids[0] = torch.arange(length) * 7 % 57 + 3
    ids[0, -1] = END
    ids[1, :5] = torch.tensor([5, 9, 22, 40, END])
    ids[2, 0] = END
    return ids, (ids != PAD).long()


def run(model, token_ids, mask):
    states = model(token_ids, attention_mask=mask, output_hidden_states=True)
    return {
        "hidden": states.last_hidden_state,
        "block_0": states.hidden_states[1],
        "unmasked": model(token_ids).last_hidden_state,
    }


def make_one(folder, length, config, cls):
    model = generate_weights(cls(config))
    ids, mask = prompts(length)
    inputs = {"token_ids": ids, "mask": mask}
    save_generated(folder, model, inputs | reference(model, run, inputs))


def make(folder):
    sizes = {"vocab_size": 64, "d_model": 40, "d_ff": 56, "num_layers": 3, "feed_forward_proj": "gated-gelu"}
    # Longer than relative_attention_max_distance: the last bucket of each direction is used.
    make_one(
        folder / "t5", 37,
        T5Config(**sizes, d_kv=16, num_heads=3, relative_attention_num_buckets=16, relative_attention_max_distance=24),
        T5EncoderModel,
    )
    # A head width whose root is no power of two, the usual buckets.
    make_one(folder / "umt5", 23, UMT5Config(**sizes, d_kv=8, num_heads=4, layer_norm_epsilon=1e-5), UMT5EncoderModel)


if __name__ == "__main__":
    main("t5", make, __doc__)
