"""The official OpenAI client against a served Zoetrope, as a user of it would write."""
import base64
import hashlib
import io
import struct

import openai
import pytest
from served import EXAMPLES, LONG

ROCKET = EXAMPLES / "rocket.png"
WORDS = "a rocket taking off"

# OpenAI shuts its own service down; the client and its API stay.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API")


@pytest.fixture
def client(served):
    served.wait_idle()
    with openai.OpenAI(base_url=served.address + "/v1", api_key="unused", max_retries=0) as one:
        yield one


def size_of(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def test_models(client):
    models = client.models.list().data
    assert [model.id for model in models] == ["animate"]
    assert models[0].object == "model"
    assert "image_to_video" in models[0].tasks


def test_a_video_from_its_making_to_its_end(client):
    made = client.videos.create(model="animate", prompt=WORDS, input_reference=ROCKET, extra_body={"seed": 7})
    assert made.object == "video"
    assert made.status in ("queued", "in_progress", "completed")
    done = client.videos.poll(made.id, poll_interval_ms=100)
    assert (done.id, done.status, done.progress, done.error) == (made.id, "completed", 100, None)
    assert (done.size, done.prompt, done.model, done.seed) == ("128x128", WORDS, "animate", 7)
    assert done.completed_at >= done.created_at and done.expires_at > done.completed_at
    again = client.videos.retrieve(made.id)
    assert again.to_dict() == done.to_dict()
    clip = client.videos.download_content(made.id).read()
    assert clip[4:8] == b"ftyp"
    assert made.id in [video.id for video in client.videos.list()]
    deleted = client.videos.delete(made.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (made.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        client.videos.download_content(made.id)


def test_create_and_poll_with_every_setting(client):
    done = client.videos.create_and_poll(
        model="animate", prompt=WORDS, input_reference=("rocket.png", ROCKET.read_bytes(), "image/png"), size="256x256",
        poll_interval_ms=100,
        extra_body={"seed": 3, "num_frames": 8, "fps": 8, "motion": 0.9, "quality": "best", "num_inference_steps": 3,
                    "guidance_scale": 4.0, "image_guidance_scale": 1.2, "negative_prompt": "smoke", "output_format": "gif"})
    assert (done.status, done.size, done.num_frames, done.fps, done.num_inference_steps) == ("completed", "256x256", 8, 8, 3)
    assert client.videos.download_content(done.id).read()[:6] == b"GIF89a"


def test_the_same_seed_makes_the_same_clip(client):
    clips = []
    for _ in range(2):
        done = client.videos.create_and_poll(model="animate", prompt=WORDS, input_reference=ROCKET, poll_interval_ms=100,
                                             extra_body={"seed": 11, "num_frames": 4})
        clips.append(client.videos.download_content(done.id).read())
    assert clips[0] == clips[1]


def test_pages_of_the_list(client):
    ids = [client.videos.create_and_poll(model="animate", prompt=f"rocket {n}", input_reference=ROCKET, poll_interval_ms=100,
                                         extra_body={"num_frames": 2}).id for n in range(3)]
    page = client.videos.list(limit=2)
    assert [video.id for video in page.data] == [ids[2], ids[1]]
    assert [video.id for video in client.videos.list(limit=1, after=ids[2]).data] == [ids[1]]
    oldest_first = [video.id for video in client.videos.list(order="asc", limit=100)]
    assert oldest_first[-3:] == ids
    # The client turns the pages by itself.
    assert len(list(client.videos.list(limit=1))) == len(oldest_first)


def test_an_image_edit_is_a_frame_of_the_clip(client):
    answer = client.images.edit(model="animate", image=ROCKET.open("rb"), prompt=WORDS, n=2, extra_body={"seed": 5})
    assert len(answer.data) == 2
    pictures = [base64.b64decode(image.b64_json) for image in answer.data]
    assert [size_of(picture) for picture in pictures] == [(128, 128)] * 2
    assert pictures[0] != pictures[1]


def test_text_alone_is_refused_by_this_model(client):
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(model="animate", prompt=WORDS)
    assert "text" in refused.value.message
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(model="animate", prompt=WORDS)
    assert refused.value.param == "input_reference"


def test_errors_are_the_clients_own(client):
    with pytest.raises(openai.NotFoundError) as refused:
        client.videos.create(model="sora-2", prompt=WORDS, input_reference=ROCKET)
    assert refused.value.param == "model"
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(model="animate", prompt=WORDS, input_reference=("a.png", io.BytesIO(b"no picture"), "image/png"))
    assert refused.value.param == "input_reference"
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(model="animate", prompt=WORDS, input_reference=ROCKET, extra_body={"num_inference_steps": 0})
    assert refused.value.param == "num_inference_steps"


def test_busy_is_a_rate_limit_error_and_cancel_frees(client, served):
    long = client.videos.create(model="animate", prompt=WORDS, input_reference=ROCKET, extra_body=LONG)
    with pytest.raises(openai.RateLimitError) as refused:
        client.videos.create(model="animate", prompt=WORDS, input_reference=ROCKET)
    assert refused.value.code == "busy"
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    client.post(f"/videos/{long.id}/cancel", cast_to=object)
    served.wait_idle()
    assert client.videos.retrieve(long.id).status == "cancelled"
    # With its own retries the client waits for the slot.
    assert client.with_options(max_retries=5).videos.create_and_poll(
        model="animate", prompt=WORDS, input_reference=ROCKET, poll_interval_ms=100).status == "completed"


def test_keys(serve, tmp_path):
    key = "zt-a-key-for-the-client-0123456789"
    keys = tmp_path / "keys"
    keys.write_text(f"client:{hashlib.sha256(key.encode()).hexdigest()}\n"
                    f"other:{hashlib.sha256(b'zt-a-key-of-another-0123456789').hexdigest()}\n")
    server = serve("--keys", str(keys))
    with openai.OpenAI(base_url=server.address + "/v1", api_key=key, max_retries=0) as mine:
        made = mine.videos.create_and_poll(model="animate", prompt=WORDS, input_reference=ROCKET, poll_interval_ms=100)
        assert made.status == "completed"
        another = mine.with_options(api_key="zt-a-key-of-another-0123456789")
        with pytest.raises(openai.NotFoundError):
            another.videos.retrieve(made.id)
        assert another.videos.list().data == []
        with pytest.raises(openai.AuthenticationError):
            mine.with_options(api_key="zt-not-a-key-0123456789").videos.list()
