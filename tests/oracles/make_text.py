#!/usr/bin/env python3
"""Fixtures of tests/fixtures/text: tokenizers of T5, UMT5 and Llama 3 with small vocabularies.

Without arguments, writes them. With --check, makes them again in a temporary folder and fails if
the committed ones differ; then, where a release build is at hand, compares on what is too large to
commit: SentencePiece's whole nmt_nfkc charsmap, and Llama 3's vocabulary out of the llama-models
package. Writes src/text/html_entities.cpp as well. Needs transformers, diffusers (with ftfy) and
sentencepiece.

The ids wanted are those of transformers for a folder with spiece.model alone, and of the
`tokenizers` package for a tokenizer.json. Of 10,000 random strings, made by one formula here and in
the C++ test, only a hash of the ids of every hundred is kept.
"""

import base64
import html.entities
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unicodedata

import fixture_folder
import sentencepiece
import tokenizers
from make_clip_tokenizer import TEXTS, corpus
from sentencepiece import sentencepiece_model_pb2
from tokenizers import models, pre_tokenizers, processors, trainers

os.environ.setdefault("HF_HUB_OFFLINE", "1")
from diffusers.pipelines.wan.pipeline_wan import prompt_clean  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

ENTITIES = fixture_folder.ROOT / "src" / "text" / "html_entities.cpp"
TEXT_TEST = fixture_folder.ROOT / "build" / "release" / "src" / "text" / "text_test"
META = "\u2581"
RANDOM_TEXTS, BLOCK = 10_000, 100

# What is likely to go wrong in these tokenizers, beside what already was in CLIP's.
MORE_TEXTS = [
    "a <extra_id_0> b", " <extra_id_1> ", "<extra_id_3><extra_id_4>", "a<extra_id_100>", "</s> x</s>", "<pad> <unk>", "<unk>!",
    "x  <extra_id_2>  y", "<extra_id_5>\u3000z", f"{META}a", f"a{META}b", f"a {META} b", f"{META}{META}", " a", "  a", "a ", "a  b   c",
    "①\u0301", "ﬁ\u0301", "a\u0323\u0302", "\r\n", "a\r\nb", "\x01a", "a\x01", "\u00ad", "\u200b", "e\u0301\u200d", "<sep>a<sep>",
    "qqq\u4e0a\u4e0b", "\U00020000\U00020001 \U00020002", "<0x41>", "A\u0301\u0302\u0303",
    "<|begin_of_text|>a", "a <|eot_id|> b", "a  <|strip|>  b", "Old <|Keep|> new", "it'S We'LL I'M", "it'\u017f", "1234567 12 3", "\n\n a\n \nb ",
    "  two", "a\t\tb", "\u00a0\u00a0a", "x\u0085y\x0bz", "A Xylophone", " Xylophone", "Xylophone", "...!\n\n", "(a) [b] {c}\r\n\r\n",
]

# (first, last) of the blocks that random characters come from; for what is assigned since long.
RANGES = [
    (0x00, 0x20), (0x21, 0x7E), (0x7F, 0xFF), (0x100, 0x17F), (0x300, 0x33F), (0x391, 0x3C9), (0x410, 0x44F), (0x5B0, 0x5EA),
    (0x621, 0x652), (0x905, 0x94D), (0x985, 0x9B9), (0xB85, 0xBCD), (0xE01, 0xE3A), (0xF40, 0xF47), (0x10D0, 0x10FA),
    (0x1100, 0x11C2), (0x1200, 0x1246), (0x13A0, 0x13F4), (0x1780, 0x17B3), (0x1820, 0x1842), (0x1E00, 0x1EFF), (0x1F00, 0x1F15),
    (0x2000, 0x2064), (0x2070, 0x2071), (0x20A0, 0x20AC), (0x2100, 0x214F), (0x2150, 0x2188), (0x2190, 0x21FF), (0x2460, 0x24FF),
    (0x2581, 0x2583), (0x2600, 0x26FF), (0x3000, 0x303F), (0x3041, 0x3096), (0x3099, 0x30FF), (0x3200, 0x321C), (0x4E00, 0x9FA5),
    (0xA000, 0xA48C), (0xAC00, 0xD7A3), (0xFB00, 0xFB06), (0xFB50, 0xFBB1), (0xFE00, 0xFE0F), (0xFF01, 0xFF9D), (0xFFFC, 0xFFFD),
    (0x10400, 0x1044F), (0x1D400, 0x1D454), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F64F), (0x1F3FB, 0x1F3FF), (0x20000, 0x200FF),
    (0xE0020, 0xE007F),
]
WORDS = [
    "a rocket", " taking", " off", "Rocket", "  ", "   ", "\n", " \n", "\r\n", "\t", "'s", "'LL", "'ve", "don't", "12345", "3.14", "...", "!?",
    "e\u0301", "a\u0323\u0302", "\u200d", "\ufe0f", "🚀", "👩\u200d🚀", "👍🏽", "\u1112\u1161\u11ab", "ﬁ", "①", "Ｗｉｄｅ", "日本", "한국어", "שלום", "नमस्ते", META,
    "<extra_id_7>", "<extra_id_19>", "</s>", "<pad>", "<unk>", "<sep>", "<|begin_of_text|>", "<|eot_id|>", "<|strip|>", "<|Keep|>", " Xylophone", "<0x0A>",
]  # fmt: skip

# For the cleaning of prompts; none is mojibake.
PROMPTS = [
    "", " ", "  a \t b\n\nc  ", "a\u00a0b\u3000c\x1cd\u2028e", "fish &amp; chips", "fish &amp;amp; chips", "fish &amp;amp;amp;amp; chips", "&lt;b&gt; &quot;x&quot; &#39;y&#39;",
    "&#x27;z&#X27;", "&copy 2020 &copy; &notit; &notin; &notanentity; &", "AT&T", "a & b &; &# &#; &#x; &#xg;", "&#65&#66;&#0;&#13;x", "&#128;&#129;&#150;&#159;",
    "&#xD800;&#x110000;&#99999999999999999999;&#xFFFE;&#xFDD0;&#1;&#11;", "&nvlt;&NotEqualTilde;&fjlig;", "&ldquo;hi&rdquo; &lsquo;x&rsquo;", "<i> &ldquo;hi&rdquo;", "<i>\n&ldquo;hi&rdquo;",
    "\u201chello\u201d \u2018it\u2019s\u02bc \u201fx\u201b", "\ufb01sh o\ufb03ce \ufb05 \ufb06 \u0132 \u01c4", "\uff37\uff49\uff44\uff45 \uff01 \uff76\uff9e \uffe0", "cafe\u0301 a\u0323\u0307",
    "a\x01b\x7fc\ufeffd\ufff9e\u206af", "a\r\nb\rc", "\u0645\u0631\u062d\u0628\u0627 &eacute;&Eacute;", "\U0001f680\u200d\U0001f468 &#128640;", "&NewLine;a&Tab;b", "&" + "a" * 40 + ";",
    "&amp", "&ampx;", "&lt", "&ltx", "&AMP;lt;", "x&#x2028;y", "&CounterClockwiseContourIntegral;",
]  # fmt: skip


def random_text(number):
    """String `number`: parts chosen by splitmix64, which starts from the number."""
    state = number

    def draw(limit):
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return (z ^ (z >> 31)) % limit

    parts = []
    for _ in range(draw(24)):
        kind = draw(4)
        if kind == 0:
            parts.append(chr(0x20 + draw(0x5F)))
        elif kind == 1:
            parts.append(WORDS[draw(len(WORDS))])
        else:
            first, last = RANGES[draw(len(RANGES))]
            parts.append(chr(first + draw(last - first + 1)))
    return "".join(parts)


def hash_of(lists):
    """FNV-1a, 64 bits, over each list's length and ids as four bytes."""
    value = 0xCBF29CE484222325
    for ids in lists:
        for number in (len(ids), *ids):
            for byte in number.to_bytes(4, "little"):
                value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def replacements():
    """A charsmap's rules, in nmt_nfkc's manner: NFKC of some blocks, controls removed, spaces one."""
    rules = {chr(c): "" for c in (*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F)}
    rules.update({chr(c): " " for c in (9, 10, 12, 13, 0x200B, 0x2028, 0x2029, 0xFEFF)})
    for first, last in [(0xA0, 0x17F), (0x2000, 0x2049), (0x2100, 0x2112), (0x2460, 0x2470), (0x3000, 0x3000),
                        (0xFB00, 0xFB06), (0xFF21, 0xFF5A), (0xFF76, 0xFF7F)]:  # fmt: skip
        rules.update({chr(c): unicodedata.normalize("NFKC", chr(c)) for c in range(first, last + 1)})
    for base in "aeioAEO":
        for marks in ("\u0300", "\u0301", "\u0302", "\u0308", "\u0323", "\u0323\u0302"):
            rules[base + marks] = unicodedata.normalize("NFKC", base + marks)
    return {source: target for source, target in rules.items() if source != target}


def train_sentencepiece(vocab_size, byte_fallback, **options):
    """A small unigram model as bytes, with nothing in it that depends on where it was trained."""
    stream = io.BytesIO()
    texts = corpus()[:400] + [t for t in TEXTS if isinstance(t, str) and "\x00" not in t]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=stream, vocab_size=vocab_size, model_type="unigram",
        byte_fallback=byte_fallback, hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        character_coverage=0.98, num_threads=1, minloglevel=2, **options)  # fmt: skip
    model = sentencepiece_model_pb2.ModelProto.FromString(stream.getvalue())
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    return model


def train_with_rules(*arguments, **options):
    """The same with replacements() for its charsmap."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        for source, target in replacements().items():
            rules.write("\t".join(" ".join(f"{ord(c):X}" for c in side) for side in (source, target)) + "\n")
        rules.flush()
        return train_sentencepiece(*arguments, normalization_rule_tsv=rules.name, **options)


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def write_t5(folder, model, extra_ids):
    """spiece.model with T5's configuration. Some of its extra ids take the space beside them along."""
    folder.mkdir(parents=True)
    (folder / "spiece.model").write_bytes(model.SerializeToString())
    size = len(model.pieces) + extra_ids
    flags = {"normalized": False, "single_word": False, "special": True}
    added = {
        str(size - 1 - i): {"content": f"<extra_id_{i}>", "lstrip": True, "rstrip": i % 2 == 0, **flags} for i in range(8)
    }
    config = {"added_tokens_decoder": added, "eos_token": "</s>", "extra_ids": extra_ids, "model_max_length": 40,
              "pad_token": "<pad>", "tokenizer_class": "T5Tokenizer", "unk_token": "<unk>"}  # fmt: skip
    write_json(folder / "tokenizer_config.json", config)


def added_token(content, token_id, **flags):
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": token_id, "content": content, **usual, **flags}


def old_unigram_json(model, extra_ids, prepend_scheme):
    """tokenizer.json as transformers 4 converted spiece.model, with what only that form has."""
    vocab = [[piece.piece, piece.score] for piece in model.pieces]
    added = [added_token(vocab[i][0], i) for i in range(3)]
    for i in range(extra_ids - 1, -1, -1):
        added.append(added_token(f"<extra_id_{i}>", len(vocab), lstrip=i % 3 == 0))
        vocab.append([f"<extra_id_{i}>", 0.0])
    charsmap = base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()
    normalizer = [
        {"type": "Precompiled", "precompiled_charsmap": charsmap},
        {"type": "Strip", "strip_left": False, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": META},
    ]
    metaspace = {"type": "Metaspace", "replacement": META, "prepend_scheme": prepend_scheme, "split": True}
    end = {"single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
           "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}  # fmt: skip
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "Sequence", "normalizers": normalizer}, "pre_tokenizer": metaspace,
            "post_processor": {"type": "TemplateProcessing", "pair": end["single"], **end}, "decoder": None,
            "model": {"type": "Unigram", "unk_id": 2, "vocab": vocab, "byte_fallback": True}}  # fmt: skip


LLAMA_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def llama_json(vocab, merges, names):
    """tokenizer.json as Llama 3 has it. `vocab`: ids of tokens; `names`: of the added ones, in order."""
    added = [added_token(name, len(vocab) + i) for i, name in enumerate(names)]
    begin = {"id": names[0], "ids": [len(vocab)], "tokens": [names[0]]}
    single = [{"SpecialToken": {"id": names[0], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": LLAMA_WORDS}, "behavior": "Isolated", "invert": False}
    template = {"type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": {names[0]: begin}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
            "post_processor": {"type": "Sequence", "processors": [{**byte_level, "add_prefix_space": True, "use_regex": True}, template]},
            "decoder": None,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
                      "vocab": vocab, "merges": merges}}  # fmt: skip


def write_llama(folder, tokenizer):
    folder.mkdir(parents=True)
    write_json(folder / "tokenizer.json", tokenizer)
    config = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "model_max_length": 131072,
              "tokenizer_class": "PreTrainedTokenizerFast"}  # fmt: skip
    write_json(folder / "tokenizer_config.json", config)


def small_llama():
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(LLAMA_WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])  # fmt: skip
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=640, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([t for t in corpus() + MORE_TEXTS], trainer)
    model = json.loads(backend.to_str())["model"]
    vocab = dict(sorted(model["vocab"].items(), key=lambda item: item[1]))
    vocab["ĠXylophone"] = len(vocab)  # no merges lead to it
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|strip|>", "<|Keep|>"]
    tokenizer = llama_json(vocab, model["merges"], names)
    tokenizer["added_tokens"][3].update(lstrip=True, rstrip=True)
    tokenizer["added_tokens"][4].update(normalized=True, special=False)
    return tokenizer


def text_of(text):
    return text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text


def ids_of_folder(folder):
    """text -> ids, by transformers where only it can read the folder, else by `tokenizers`."""
    if (folder / "tokenizer.json").exists():
        backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        backend = AutoTokenizer.from_pretrained(folder).backend_tokenizer
    return lambda text: backend.encode(text).ids


def write_cases(path, folder):
    """JSON: for every text its ids, and the hashes for random ones."""
    ids_of = ids_of_folder(folder)
    blocks = [[ids_of(random_text(i)) for i in range(start, start + BLOCK)] for start in range(0, RANDOM_TEXTS, BLOCK)]
    cases = [ids_of(text_of(text)) for text in TEXTS + MORE_TEXTS]
    lines = [json.dumps(ids, separators=(",", ":")) for ids in cases]
    path.write_text('{"ids":[\n' + ",\n".join(lines) + '],\n"random":' + json.dumps([hash_of(b) for b in blocks]) + "}\n")


def write_texts(path):
    """What the C++ test feeds: the texts as hex, and what random ones are made of."""
    texts = [(t if isinstance(t, bytes) else t.encode()).hex() for t in TEXTS + MORE_TEXTS]
    write_json(path, {"texts": texts, "ranges": RANGES, "words": WORDS, "block": BLOCK})


def entities_source():
    """src/text/html_entities.cpp: Python's table, which is that of HTML 5."""
    table = html.entities.html5
    entries = []
    for name in sorted(name[:-1] for name in table if name.endswith(";")):
        points = "+".join(f"{ord(c):X}" for c in table[name + ";"])
        entries.append(f"{name}{'?' if name in table else ''}={points}")
    lines = textwrap.wrap(" ".join(entries), 93, break_long_words=False, break_on_hyphens=False)
    literals = "\n".join(f'    "{line} "' for line in lines[:-1]) + f'\n    "{lines[-1]}"'
    return (
        "// Written by tests/oracles/make_text.py.\n"
        '#include "text/html_entities.h"\n\nnamespace zoetrope::text {\n\n// clang-format off\n'
        f"const std::string_view kHtmlEntities =\n{literals};\n// clang-format on\n\n}}  // namespace zoetrope::text\n"
    )


def make(folder):
    write_json(folder / "prompts.json", [[prompt, prompt_clean(prompt)] for prompt in PROMPTS])
    write_texts(folder / "texts.json")
    spiece = train_with_rules(520, False, user_defined_symbols=["<sep>"])
    write_t5(folder / "t5_spiece", spiece, 20)
    # The same as transformers 5 saves it.
    (folder / "t5").mkdir()
    config = json.loads((folder / "t5_spiece" / "tokenizer_config.json").read_text())
    backend = AutoTokenizer.from_pretrained(folder / "t5_spiece").backend_tokenizer
    write_json(folder / "t5" / "tokenizer.json", json.loads(backend.to_str()))
    write_json(folder / "t5" / "tokenizer_config.json", config)

    byte_pieces = train_with_rules(700, True)
    (folder / "umt5").mkdir()
    write_json(folder / "umt5" / "tokenizer.json", old_unigram_json(byte_pieces, 20, "first"))
    write_json(folder / "umt5" / "tokenizer_config.json", {**config, "added_tokens_decoder": None})
    write_llama(folder / "llama3", small_llama())
    for name in ("t5", "umt5", "llama3"):
        write_cases(folder / f"{name}_cases.json", folder / name)
    with tempfile.TemporaryDirectory() as temporary:  # one model, two files of it, the same ids
        path = pathlib.Path(temporary) / "cases.json"
        write_cases(path, folder / "t5_spiece")
        assert path.read_bytes() == (folder / "t5_cases.json").read_bytes()


def compare_on(name, write):
    """Runs the C++ test on a folder that write(folder) fills."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "tokenizer"
        write(folder)
        write_cases(folder / "cases.json", folder)
        environment = {**os.environ, "ZOETROPE_TOKENIZER_CASES": str(folder)}
        command = [TEXT_TEST, "--gtest_filter=GivenTokenizer.EqualsTheReference", "--gtest_brief=1"]
        subprocess.run(command, env=environment, check=True)
        print(f"{name}: {RANDOM_TEXTS} random texts equal")


def write_nmt_nfkc(folder):
    write_t5(folder, train_sentencepiece(520, False, normalization_rule_name="nmt_nfkc"), 20)


def write_llama_from(path, folder):
    """Llama 3's vocabulary from its tiktoken form: a rank is an id, and says which merges there are."""
    from transformers.convert_slow_tokenizer import TikTokenConverter

    names = [f"<|reserved_special_token_{i}|>" for i in range(256)]
    names[0], names[1], names[9] = "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"
    vocab, merges = TikTokenConverter(vocab_file=path).extract_vocab_merges_from_model(path)
    write_llama(folder, llama_json(vocab, [list(merge) for merge in merges], names))


def check_more():
    if ENTITIES.read_text(encoding="utf-8") != entities_source():
        sys.exit(f"{ENTITIES.name} differs from Python's table")
    if not TEXT_TEST.exists():
        print("large vocabularies: skipped (need a release build)")
        return
    compare_on("T5 with nmt_nfkc", write_nmt_nfkc)
    package = importlib.util.find_spec("llama_models")
    if package is None:
        print("Llama 3's real vocabulary: skipped (needs llama-models)")
        return
    path = pathlib.Path(package.submodule_search_locations[0]) / "llama3" / "tokenizer.model"
    compare_on("Llama 3's real vocabulary", lambda folder: write_llama_from(str(path), folder))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        ENTITIES.write_text(entities_source(), encoding="utf-8")
    fixture_folder.main(__doc__, "text", make, check_more)
