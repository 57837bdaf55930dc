"""The page of `zoetrope serve` as a person uses it, in Chromium, on the real server."""
import base64
import hashlib
import json
import re

from playwright.sync_api import expect
from served import EXAMPLES, LONG
from visitor import WORDS, choose, drawing, job_of, result_of, slowly


def test_a_clip_from_an_example(home, served):
    expect(home.locator("#go")).to_be_disabled()
    choose(home)
    expect(home.locator("#prompt")).to_have_value(WORDS)
    home.click("#go")
    result_of(home)
    expect(home.locator("#result-prompt")).to_have_text(WORDS)
    expect(home.locator("#facts")).to_contain_text("128 × 128 · 8 steps · seed")
    # It plays, and plays on.
    clip = home.locator("#clip")
    seen = clip.evaluate("clip => clip.currentTime")
    home.wait_for_function("seen => document.getElementById('clip').currentTime !== seen", arg=seen)
    assert clip.evaluate("clip => clip.loop && !clip.paused && clip.videoWidth") == 128
    with home.expect_download() as download:
        home.click("#download")
    assert download.value.suggested_filename == "a-rocket-taking-off.mp4"
    data = open(download.value.path(), "rb").read()
    assert data == served.call("GET", f"/v1/videos/{job_of(home)}/content")[1]
    # And stands among the past ones, where it can be deleted.
    expect(home.locator("#clips li").first).to_contain_text(WORDS)
    home.locator("#clips li").first.scroll_into_view_if_needed()
    expect(home.locator("#clips li video").first).to_be_visible()
    home.get_by_role("button", name="Delete: " + WORDS).first.click()
    expect(home.locator("#status")).to_have_text("Deleted")
    assert served.call("GET", f"/v1/videos/{job_of(home)}")[0] == 404


def test_progress_and_previews(home):
    choose(home)
    slowly(home)
    home.click("#go")
    drawing(home)
    expect(home.locator("#stage-name")).to_have_text("Drawing")
    expect(home.locator("#preview")).to_be_visible()
    colours = """() => new Set(document.getElementById("preview").getContext("2d").getImageData(0, 0, 256, 256).data).size"""
    home.wait_for_function(f"() => ({colours})() > 60")
    first = int(home.locator("#bar").get_attribute("aria-valuenow"))
    home.wait_for_function("first => Number(document.getElementById('bar').getAttribute('aria-valuenow')) > first", arg=first)
    home.click("#cancel")
    expect(home.locator("#problem-text")).to_have_text("Cancelled.")


def test_cancel(home, served):
    choose(home)
    slowly(home)
    home.click("#go")
    drawing(home)
    expect(home.locator("#go")).to_be_disabled()
    home.click("#cancel")
    expect(home.locator("#problem-text")).to_have_text("Cancelled.")
    assert served.state(job_of(home)) == "cancelled"
    # The slot is free at once.
    home.click("#reset")
    home.click("#go")
    result_of(home)


def test_reload_takes_the_job_up_again(home, served):
    choose(home)
    slowly(home)
    home.click("#go")
    drawing(home)
    job = job_of(home)
    home.reload()
    drawing(home)
    assert job_of(home) == job
    expect(home.locator("#preview")).to_be_visible()
    home.click("#cancel")
    expect(home.locator("#problem-text")).to_have_text("Cancelled.")
    assert served.state(job) == "cancelled"


def test_the_bare_address_takes_a_running_job_up_too(home, served):
    choose(home)
    slowly(home)
    home.click("#go")
    drawing(home)
    job = job_of(home)
    home.goto(served.address + "/docs")
    home.goto(served.address + "/")
    drawing(home)
    assert job_of(home) == job
    home.click("#cancel")
    expect(home.locator("#problem-text")).to_have_text("Cancelled.")
    # One that is over is left alone.
    home.goto(served.address + "/docs")
    home.goto(served.address + "/")
    expect(home.locator("#clips li").first).to_be_visible()
    expect(home.locator("#empty")).to_be_visible()


def test_reload_after_the_end_shows_the_clip(home):
    choose(home, "owl")
    home.click("#go")
    result_of(home)
    home.reload()
    result_of(home)
    expect(home.locator("#result-prompt")).to_have_text("an owl blinking and turning its head")


def test_a_picture_of_ones_own_in_each_way(home, tmp_path):
    picture = EXAMPLES / "balloon.png"
    home.set_input_files("#file", picture)
    expect(home.locator("#picked")).to_be_visible()
    # Dropped and pasted: what the system hands the page.
    for kind in ("drop", "paste"):
        choose(home, "owl")
        home.evaluate("""async ([kind, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "balloon.png", {type: "image/png"}));
          const event = kind === "drop" ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
                                        : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
          document.getElementById("drop").dispatchEvent(event);
        }""", [kind, list(picture.read_bytes())])
        expect(home.locator("#examples [aria-pressed=true]")).to_have_count(0)
    home.fill("#prompt", "a balloon rising")
    home.click("#go")
    result_of(home)


def test_a_large_picture_is_made_smaller_before_it_is_sent(home):
    sent = []
    home.on("request", lambda request: request.method == "POST" and sent.append(len(request.post_data_buffer or b"")))
    home.evaluate("""async () => {
      const canvas = new OffscreenCanvas(3000, 2000), pen = canvas.getContext("2d");
      for (let i = 0; i < 4000; ++i) {
        pen.fillStyle = `hsl(${i % 360} 80% 50%)`;
        pen.fillRect(i * 7919 % 3000, i * 104729 % 2000, 60, 60);
      }
      const transfer = new DataTransfer();
      transfer.items.add(new File([await canvas.convertToBlob({type: "image/png"})], "large.png", {type: "image/png"}));
      document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true}));
    }""")
    expect(home.locator("#picked")).to_be_visible()
    assert home.locator("#picked").evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [1024, 683]
    home.fill("#prompt", "blocks falling")
    home.click("#go")
    result_of(home)
    assert sent and max(sent) < 4_000_000


def test_what_is_wrong_is_said_where_it_is(home, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    home.set_input_files("#file", broken)
    expect(home.locator("#picture-error")).to_contain_text("not a picture")
    choose(home)
    expect(home.locator("#picture-error")).to_be_hidden()
    # No words: the page says so; far too many: the server does.
    home.fill("#prompt", "  ")
    home.click("#go")
    expect(home.locator("#prompt-error")).to_contain_text("what should happen")
    expect(home.locator("#prompt")).to_be_focused()
    home.fill("#prompt", "rocket " * 15_000)
    home.click("#go")
    expect(home.locator("#prompt-error")).to_contain_text(re.compile("long|limit|at most", re.IGNORECASE))
    expect(home.locator("#prompt")).to_have_attribute("aria-invalid", "true")
    home.fill("#prompt", WORDS)
    expect(home.locator("#prompt-error")).to_be_hidden()
    home.click("#settings summary")
    home.get_by_text("Best", exact=True).click()
    home.fill("#num_inference_steps", "100000")
    home.click("#settings summary")
    home.click("#go")
    expect(home.locator("#num_inference_steps-error")).to_be_visible()
    expect(home.locator("#num_inference_steps")).to_be_focused()


def test_a_job_that_fails_says_why(home, served):
    def failed(route):
        body = {"id": "video_1", "object": "video", "status": "failed", "prompt": WORDS, "created_at": 1,
                "error": {"code": "deadline_exceeded", "message": "it took longer than its time limit"}}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))
    home.route(re.compile("/v1/videos/video_1$"), failed)
    home.goto(served.address + "/#job=video_1")
    expect(home.locator("#problem-text")).to_have_text("it took longer than its time limit")
    home.goto(served.address + "/#job=video_nowhere")
    expect(home.locator("#problem-text")).to_contain_text("not on the server")


def test_busy(home, served):
    picture = base64.b64encode((EXAMPLES / "robot.png").read_bytes()).decode()
    status, other = served.call("POST", "/v1/videos", {"prompt": "another one", "input_reference": "data:image/png;base64," + picture, **LONG})
    assert status == 200, other
    choose(home)
    home.click("#go")
    expect(home.locator("#problem-text")).to_contain_text("One clip at a time")
    home.get_by_role("button", name="Go on as soon as it is free").click()
    expect(home.locator("#stage-name")).to_have_text("Waiting for a turn")
    assert served.state(other["id"]) == "in_progress"
    served.call("POST", f"/v1/videos/{other['id']}/cancel")
    result_of(home)


def test_an_api_key(serve, visit, tmp_path):
    key = "zt-a-key-for-the-page-0123456789"
    keys = tmp_path / "keys"
    keys.write_text("page:" + hashlib.sha256(key.encode()).hexdigest() + "\n")
    server = serve("--keys", str(keys))
    page = visit(server)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("API key").fill("zt-this-is-not-the-key-0123456789")
    page.keyboard.press("Enter")
    expect(page.locator("#key-error")).to_be_visible()
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#model")).to_have_text("animate")
    choose(page)
    page.click("#go")
    result_of(page)
    # It is asked for once.
    page.reload()
    result_of(page)
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_modes_come_with_the_model(served, visit):
    page = visit(served)

    def more(route):
        answer = route.fetch()
        models = answer.json()
        models["data"][0]["tasks"] = ["image_to_video", "text_to_image", "text_to_video"]
        route.fulfill(response=answer, json=models)

    expect(page.locator("#tasks")).to_be_hidden()
    page.route("**/v1/models", more)
    page.reload()
    page.get_by_text("Picture from words").click()
    expect(page.locator("#picture-part")).to_be_hidden()
    expect(page.locator("#go")).to_be_enabled()
    with page.expect_request("**/v1/images/generations") as asked:
        page.fill("#prompt", "a red ball")
        page.click("#go")
    assert json.loads(asked.value.post_data)["prompt"] == "a red ball"
    # This server cannot: what it says is shown.
    expect(page.locator("#problem-text, .field-error:not([hidden])").filter(has_text=re.compile("text"))).to_be_visible()


def test_a_model_of_pictures(served, visit):
    """As FLUX.1-dev describes itself; its answers are the examples."""
    page = visit(served)
    files = [(EXAMPLES / name).read_bytes() for name in ("rocket.png", "owl.png")]

    def model(route):
        answer = route.fetch()
        models = answer.json()
        models["data"][0] |= {
            "tasks": ["text_to_image", "image_to_image"],
            "defaults": {"size": "1024x1024", "guidance_scale": 3.5, "true_cfg_scale": 1, "strength": 0.6, "n": 1,
                         "output_format": "png", "num_inference_steps": 28},
            "limits": {"size": {"min": 16, "max": 2048, "multiple": 16}, "n": {"min": 1, "max": 10},
                       "true_cfg_scale": {"min": 1, "max": 50}, "strength": {"min": 0, "max": 1},
                       "output_format": ["png", "jpeg", "webp"]},
        }
        route.fulfill(response=answer, json=models)

    def pictures(route):
        data = [{"b64_json": base64.b64encode(file).decode(), "seed": 7 + i} for i, file in enumerate(files)]
        route.fulfill(json={"data": data, "output_format": "png", "size": "1344x768"})

    page.route("**/v1/models", model)
    page.route("**/v1/images/*", pictures)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Make a picture")
    page.fill("#prompt", "a red ball")
    page.click("#settings summary")
    expect(page.locator("#strength")).to_have_count(0)
    page.select_option("#size", "1360x768")
    page.fill("#n", "2")
    page.fill("#true_cfg_scale", "4")
    page.fill("#negative_prompt", "blur")
    with page.expect_request("**/v1/images/generations") as asked:
        page.click("#go")
    assert json.loads(asked.value.post_data) == {"prompt": "a red ball", "size": "1360x768", "n": 2,
                                                 "true_cfg_scale": 4, "negative_prompt": "blur"}
    # The first is seen large, the other a click away.
    expect(page.locator("#facts")).to_contain_text("seed 7")
    expect(page.locator("#share")).to_be_hidden()
    page.get_by_role("button", name="Seed 8").click()
    expect(page.locator("#facts")).to_contain_text("seed 8")
    expect(page.get_by_role("button", name="Seed 8")).to_have_attribute("aria-pressed", "true")

    page.get_by_text("Change a picture").click()
    expect(page.locator("#go")).to_be_disabled()
    choose(page, "owl")
    expect(page.locator("#go")).to_have_text("Change")
    page.locator("#strength").fill("0.3")
    with page.expect_request("**/v1/images/edits") as asked:
        page.click("#go")
    sent = asked.value.post_data_buffer
    assert b'name="strength"\r\n\r\n0.3\r\n' in sent and b'name="image"; filename=' in sent
    result_of(page)
