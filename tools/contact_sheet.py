"""Contact sheets of clips as small palette PNGs: one cell a clip, a few of its frames side by side."""
from PIL import Image, ImageDraw, ImageFont

LABEL_HEIGHT = 15
GAP = 6


def frames_of(clip, count):
    """`count` frames spread evenly over the clip, the first one among them."""
    return [clip[i * len(clip) // count] for i in range(count)]


def cell(label, clips, count, size):
    """The label, and below it a row of frames for each of the clips."""
    picture = Image.new("RGB", (count * size, LABEL_HEIGHT + len(clips) * size), "white")
    ImageDraw.Draw(picture).text((2, 1), label, "black", ImageFont.load_default(11))
    for row, clip in enumerate(clips):
        for column, frame in enumerate(frames_of(clip, count)):
            shrunk = Image.fromarray(frame).resize((size, size), Image.Resampling.LANCZOS)
            picture.paste(shrunk, (column * size, LABEL_HEIGHT + row * size))
    return picture


def contact_sheet(cells, columns, count=8, size=64):
    """cells: (label, clips u8 [f, h, w, 3]) each, all with as many clips. Fills row by row."""
    pictures = [cell(label, clips, count, size) for label, clips in cells]
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (i % columns * (width + GAP), i // columns * (height + GAP)))
    return sheet


def save_small(sheet, path):
    sheet.save(path, quality=75, method=6)
