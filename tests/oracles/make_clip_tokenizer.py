#!/usr/bin/env python3
"""Fixtures of tests/fixtures/clip_tokenizer, made by transformers.

Without arguments, writes them. With --check, makes them again in a temporary folder and fails if
the committed ones differ; then, where a release build and the open_clip_torch package (for CLIP's
real merges, too large to commit) are at hand, compares the tokenizer on the real vocabulary too.
"""

import gzip
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unicodedata
from collections import Counter

import fixture_folder

os.environ.setdefault("HF_HUB_OFFLINE", "1")
from transformers import CLIPTokenizer  # noqa: E402

TEXT_TEST = fixture_folder.ROOT / "build" / "release" / "src" / "text" / "text_test"

BEGIN, END = "<|startoftext|>", "<|endoftext|>"

# What is likely to go wrong, by kind. Texts in bytes are not valid UTF-8.
TEXTS = [
    "", " ", "\n\t ", "a rocket taking off", "A Rocket, taking off!", "  two  spaces\tand\r\nlines ",
    # contractions, digits, punctuation
    "it's we're I've I'm they'll he'd can't", "IT'S", "'story 'tis 'rest", "!'s", "''s'", "don’t",
    "123 4567 3.14 1e-5", "a1b2", "٣٤٥ ⅷ ½ ² ① 五", "...,,;;", "hello-world_foo/bar\\baz", "a+b=c*d",
    # specials within the text
    "a <|endoftext|> b", "a<|startoftext|>b", "a <|ENDOFTEXT|> b", "<|StartOfText|>!!", "<|endoftext|",
    "!<|endoftext|>!", "<|endoftext|><|endoftext|>", "<| endoftext |>", "<|ENDOFTEXT|>'s <|endoftext|>'s",
    # scripts
    "Ракета взлетает", "ΟΔΟΣ οδός Σ ΑΣ", "İstanbul ısı I i", "Straße STRASSE ẞ", "ǅ ǆ Ǆ ﬁ ﬃ", "日本語のテキスト",
    "한국어 텍스트", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "ภาษาไทย", "हिन्दी में पाठ", "தமிழ்", "עברית שָׁלוֹם", "العربية نَصّ", "ქართული Ა",
    "ᏣᎳᎩ ꭰ", "አማርኛ", "ไทย123", "𝓗𝓮𝓵𝓵𝓸 𝟙𝟚𝟛", "𐐀𐐨", "Ǣ Å \u212b \u2126 \u212a",
    # combining marks, in both orders and compositions
    "café", "cafe\u0301", "a\u0323\u0307", "a\u0307\u0323", "\u0301abc", "q\u0307\u0323", "\u0958 \u2adc \ufb1d", "e\u0301\u0301\u0301",
    # emoji
    "🚀", "a 🚀🚀 b🚀", "👩\u200d🚀 👨\u200d👩\u200d👧\u200d👦", "👍🏽 👍🏿", "❤\ufe0f ❤", "🇩🇪🇫🇷", "1\ufe0f\u20e3 #\ufe0f\u20e3", "🏴\U000e0067\U000e0062\U000e007f",
    # spaces, controls, invisible characters
    "a\u00a0b\u3000c\u2003d\u202fe\u205ff\u1680g", "a\u2028b\u2029c\u0085d", "a\u200bb\ufeffc\u2060d\u00ade", "\x00", "a\x00b\x01c\x1cd\x1fe\x7ff",
    "a\x0bb\x0cc", "a\u180eb", "\ufffd \uffff \ue000 \U0010ffff \U000f0000", "\u202eabc\u202c",
    # bytes
    b"\xff", b"a\xffb", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82a", b"\xf0\x9f\x9a", b"\xf0\x9f\x9a\x80\x80", b"\xc0\xaf",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe0\x80\xaf x", b"ok \xfe\xfe ok", b"\xf1\x80\x80\xe1\x80\xc2",
]

# (text, times): long prompts, cut to the tokenizer's length
LONG = [("a rocket ", 1111), ("x", 10000), ("🚀", 2500), ("word <|endoftext|> ", 500), ("!?", 5000)]


def byte_table():
    """(byte, symbol) in the order of vocabularies: bytes that print as themselves first."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    return [(b, chr(b)) for b in printing] + [(b, chr(256 + i)) for i, b in enumerate(others)]


def corpus():
    """Names of the emoji of Unicode 6 to 8, and a few lines in other scripts."""
    names = [unicodedata.name(chr(c), "").lower() for c in range(0x1F300, 0x1F6D0)]
    return [name for name in names if name] + [t for t in TEXTS if isinstance(t, str) and not t.isascii()]


def learn(texts, vocab_size, words_of):
    """Byte-pair encoding learnt the slow and obvious way: (vocabulary in id order, merges)."""
    vocab = [s for _, s in byte_table()]
    vocab += [s + "</w>" for s in vocab]
    rank = {token: i for i, token in enumerate(vocab)}
    words = Counter()
    for text in texts:
        for word in words_of(text):
            words[tuple(word[:-1]) + (word[-1] + "</w>",)] += 1
    merges = []
    while len(vocab) < vocab_size - 2:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best, count = min(pairs.items(), key=lambda p: (-p[1], rank[p[0][0]], rank[p[0][1]]))
        if count < 2:
            break
        merges.append(best)
        token = "".join(best)
        if token not in rank:
            rank[token] = len(vocab)
            vocab.append(token)
        joined = Counter()
        for word, times in words.items():
            parts, i = [], 0
            while i < len(word):
                match = word[i : i + 2] == best
                parts.append(token if match else word[i])
                i += 2 if match else 1
            joined[tuple(parts)] += times
        words = joined
    return vocab + [BEGIN, END], merges


def words_of_backend(tokenizer):
    """The cleaning and cutting of transformers' tokenizer, words as strings of byte symbols."""
    backend = tokenizer.backend_tokenizer
    return lambda text: [
        word for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))
    ]


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_tokenizer(folder, vocab, merges, max_length, specials):
    folder.mkdir(parents=True, exist_ok=True)
    ids = {token: i for i, token in enumerate(vocab)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = "".join(f"{a} {b}\n" for a, b in merges)
    (folder / "merges.txt").write_text("#version: 0.2\n" + lines, encoding="utf-8")
    config = {**specials, "model_max_length": max_length, "tokenizer_class": "CLIPTokenizer"}
    write_json(folder / "tokenizer_config.json", config)


def added_token(content, normalized):
    flags = {"lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False}
    return {"__type": "AddedToken", "content": content, **flags}


def plain_specials():
    return {"bos_token": BEGIN, "eos_token": END, "unk_token": END, "pad_token": END}


def sd1_specials():
    """As in Stable Diffusion 1: objects, looked for after cleaning, but for the padding."""
    begin, end = added_token(BEGIN, True), added_token(END, True)
    return {"bos_token": begin, "eos_token": end, "unk_token": end, "pad_token": END}


def sd2_specials():
    """As in Stable Diffusion 2: padding with "!", which thereby is a special token in texts."""
    return {**sd1_specials(), "pad_token": "!"}


def sdxl_specials(ids):
    """As in SDXL's second tokenizer: flags in added_tokens_decoder."""
    added = {ids["!"]: added_token("!", False), ids[BEGIN]: added_token(BEGIN, True), ids[END]: added_token(END, True)}
    for token in added.values():
        token["special"] = True
        del token["__type"]
    return {"added_tokens_decoder": added, **plain_specials(), "pad_token": "!"}


def random_texts(count):
    """Strings over all planes that Python's Unicode data know, biased to short and to the odd."""
    generator = random.Random(20)
    known = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    odd = list(" '\t\u00a0\u0301\u200d🚀ſİΣßfi1²!<|>\u1100\u1161")
    words = ["it's", "Rocket", "we're", END, "taking", "off", "'ll"]
    kinds = [known[:128], known[:1500], known, odd, words]
    for _ in range(count):
        size = generator.randint(1, 7)
        yield "".join(generator.choice(generator.choice(kinds)) for _ in range(size))


def cases(tokenizer, texts):
    """One JSON line a case: the text ("bytes": hex where it is not UTF-8), ids without padding."""
    length = tokenizer.model_max_length
    lines = []
    for text, times in texts:
        whole = (text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text) * times
        ids = tokenizer(whole, truncation=True, max_length=length)["input_ids"]
        padded = tokenizer(whole, truncation=True, max_length=length, padding="max_length")["input_ids"]
        assert padded == ids + [tokenizer.pad_token_id] * (length - len(ids))
        case = {"bytes": text.hex()} if isinstance(text, bytes) else {"text": text}
        if times > 1:
            case["times"] = times
        case["ids"] = ids
        case["truncated"] = len(tokenizer(whole)["input_ids"]) > length
        lines.append(json.dumps(case, separators=(",", ":")) + "\n")
    return "".join(lines)


def all_texts(random_count):
    once = [*TEXTS, *random_texts(random_count)]
    return [(text, 1) for text in once] + LONG


def make_tokenizers(folder):
    """A small vocabulary, `tokenizer/`, and its variants, which share its vocabulary."""
    texts = corpus()
    (folder / "corpus.txt").write_text("\n".join(json.dumps(t) for t in texts) + "\n")
    symbols = [s for _, s in byte_table()]
    empty = CLIPTokenizer(vocab={t: i for i, t in enumerate([*symbols, BEGIN, END])}, merges=[])
    vocab, merges = learn(texts, 900, words_of_backend(empty))
    ids = {token: i for i, token in enumerate(vocab)}
    write_tokenizer(folder / "tokenizer", vocab, merges, 24, plain_specials())
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    (folder / "cases.jsonl").write_text(cases(tokenizer, all_texts(2000)))

    variants = {"sd1": sd1_specials(), "sd2": sd2_specials(), "sdxl": sdxl_specials(ids)}
    for name, specials in variants.items():
        with tempfile.TemporaryDirectory() as whole:
            whole = pathlib.Path(whole)
            write_tokenizer(whole, vocab, merges, 24, specials)
            tokenizer = CLIPTokenizer.from_pretrained(whole)
            (folder / f"config_{name}.json").write_bytes((whole / "tokenizer_config.json").read_bytes())
            (folder / f"cases_{name}.jsonl").write_text(cases(tokenizer, all_texts(0)))


def check_real_vocabulary():
    package = importlib.util.find_spec("open_clip")
    if package is None or not TEXT_TEST.exists():
        print("CLIP's real vocabulary: skipped (needs open_clip_torch and a release build)")
        return
    archive = pathlib.Path(package.origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.open(archive, "rt", encoding="utf-8").read().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : 49408 - 512 - 2 + 1]]
    symbols = [s for _, s in byte_table()]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        vocab = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + [BEGIN, END]
        assert len(vocab) == 49408, len(vocab)
        write_tokenizer(folder, vocab, merges, 77, sd1_specials())
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        (folder / "cases.jsonl").write_text(cases(tokenizer, all_texts(20000)))
        environment = {**os.environ, "ZOETROPE_TOKENIZER_CASES": name}
        command = [TEXT_TEST, "--gtest_filter=ClipTokenizer.EqualsTheReferenceOnGivenCases", "--gtest_brief=1"]
        subprocess.run(command, env=environment, check=True)
        print("CLIP's real vocabulary: 20,000 random texts equal")


if __name__ == "__main__":
    fixture_folder.main(__doc__, "clip_tokenizer", make_tokenizers, check_real_vocabulary)
