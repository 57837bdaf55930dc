#!/usr/bin/env python3
"""Cuts the sample under examples/ out of the full sticker data set.

    tools/make_examples.py DATA_DIR [EXAMPLES_DIR]

DATA_DIR holds animations-128px.mkv, stills-128px.mkv and their .jsonl files. Packets are copied,
not encoded again, so every pixel of the sample equals the full set's. That works because each clip
is one closed group of 16 pictures that starts with a key frame, and each still is one key frame.
Needs ffmpeg >= 5.0 and nothing else.
"""
import json
import pathlib
import subprocess
import sys

CLIP_FRAMES = 16
FPS = 8

ANIMATIONS = """
rocket|airplane|helicopter|sailboat|automobile|locomotive|ferris wheel|alarm clock|hourglass not done
rainbow|sun with face|cloud with rain|tornado|fire|snowman|umbrella
owl|penguin|butterfly|snail|cat face|dog|horse|dolphin|octopus|turtle|frog
robot|ghost|red heart|smiling face with sunglasses|winking face|sleeping face|birthday cake|beer mug
waving hand|clapping hands|man running|woman dancing: medium skin tone|scientist: dark skin tone
""".strip().replace("\n", "|").split("|")

STILLS = """
rocket|balloon|kite|jellyfish|sunflower|mushroom|red apple|watermelon|hamburger|doughnut
cactus|castle|bicycle|guitar|key|light bulb|soccer ball|mount fuji|crescent moon|teapot
""".strip().replace("\n", "|").split("|")

# Pictures for the quick start: file name, caption in stills.jsonl. The last two never moved in the
# release, so no training clip shows how they should.
PICTURES = {
    "rocket.png": "rocket",
    "owl.png": "owl",
    "dolphin.png": "dolphin",
    "sailboat.png": "sailboat",
    "robot.png": "robot",
    "jellyfish.png": "jellyfish",
    "balloon.png": "balloon",
}


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


def read_rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pick(rows, captions):
    """The rows with these captions, in the order of the file."""
    wanted = set(captions)
    chosen = [row for row in rows if row["caption"] in wanted]
    missing = wanted - {row["caption"] for row in chosen}
    if missing:
        sys.exit(f"not in the data set: {', '.join(sorted(missing))}")
    return chosen


def cut(source, target, rows, frames):
    """Copies the packets of `rows` (`frames` pictures each) and closes the gaps in time."""
    firsts = [row["index"] * frames for row in rows]
    keep = "+".join(f"between(n,{first},{first + frames - 1})" for first in firsts)
    span_ms = 1000 * frames // FPS
    pts = f"mod(PTS,{span_ms})+floor(N/{frames})*{span_ms}"
    # Matroska stores no decoding times, but the muxer wants them to rise: two frames of lead are
    # the reordering depth of the source.
    dts = f"(N-2)*{1000 // FPS}"
    ffmpeg("-i", source, "-map", "0:v", "-c", "copy", "-map_metadata", "-1", "-fflags", "+bitexact",
           "-bsf:v", f"noise=drop='not({keep})',setts=pts='{pts}':dts='{dts}'", target)


def write_rows(path, rows):
    """Rows numbered as the clips now lie in the sample."""
    lines = [json.dumps({**row, "index": i}, ensure_ascii=False) for i, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[1])
    examples = pathlib.Path(
        sys.argv[2] if len(sys.argv) == 3 else pathlib.Path(__file__).parents[1] / "examples")
    stickers = examples / "stickers"
    stickers.mkdir(parents=True, exist_ok=True)

    for name, captions, frames in (("animations", ANIMATIONS, CLIP_FRAMES), ("stills", STILLS, 1)):
        rows = pick(read_rows(data / f"{name}.jsonl"), captions)
        cut(data / f"{name}-128px.mkv", stickers / f"{name}-128px.mkv", rows, frames)
        write_rows(stickers / f"{name}.jsonl", rows)

    stills = {row["caption"]: row["index"] for row in read_rows(data / "stills.jsonl")}
    for file, caption in PICTURES.items():
        ffmpeg("-ss", stills[caption] / FPS, "-i", data / "stills-128px.mkv", "-frames:v", 1,
               "-vf", "scale=sws_flags=accurate_rnd+full_chroma_int,format=rgb24",
               "-fflags", "+bitexact", examples / file)


if __name__ == "__main__":
    main()
