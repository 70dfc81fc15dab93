"""The live score: the active model in the browser, and the same numbers as on the server."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from ml.artifacts import load_keras
from ml.faces.crop import align, warp
from ml.faces.detect import detect
from ml.predict import SmileyClassifier
from tests.conftest import ROOT, LiveSite

from .conftest import agree, take_photos
from .modules import call

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]

# Weights by chance: what is tested is that browser and server agree, whatever the network says.
_MAKE = """
import sys
from pathlib import Path
import keras
from ml.artifacts import ArtifactInfo, write_artifact
from ml.config import TrainConfig
from tests.ml.tiny import tiny_net
folder, channels, classes = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
keras.utils.set_random_seed(7)
model = tiny_net(len(classes), size=48, channels=channels)
info = ArtifactInfo("smiley", "tiny", tuple(classes), 48, channels, 7, TrainConfig().as_dict(), "none")
write_artifact(folder, model, info)
"""
_REGISTER = """
from pathlib import Path
from ml.artifacts import read_artifact
from training.models import DatasetVersion, TrainingRun
from training.promotion import model_promote
from training.runs import model_register
artifact = Path({folder!r})
facts = dict(sha256="", manifest="", photos=0, people=0, counts={{}}, created_by="tests")
version = DatasetVersion.objects.get_or_create(number=999, defaults=facts)[0]
run = TrainingRun.objects.create(version=version, created_by="tests")
classes = list(read_artifact(artifact).classes)
model = model_register(run=run, artifact=artifact, metrics={{"classes": classes}})
model_promote(model=model, actor="tests")
print("number", model.number)
"""
_RETIRE = "from training.models import ModelVersion; ModelVersion.objects.update(state='retired')"
CLASSES = ("grin", "smile", "tongue", "wink")


def make_artifact(folder: Path, channels: int) -> Path:
    subprocess.run(
        [sys.executable, "-c", _MAKE, str(folder), str(channels), ",".join(CLASSES)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=200,
    )
    return folder


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artifact(tmp_path_factory.mktemp("artifacts") / "colour", 3)


@pytest.fixture
def active(live_site: LiveSite, artifact: Path) -> Iterator[int]:
    """The number of the active model; none is active afterwards."""
    said = live_site.manage("shell", "-v0", "-c", _REGISTER.format(folder=str(artifact)))
    yield int(said.split("number ")[1])
    live_site.manage("shell", "-v0", "-c", _RETIRE)


def open_live(page: Page) -> None:
    page.get_by_role("button", name="Open the camera").click()
    button = page.get_by_role("button", name="Live score")
    expect(button).to_have_attribute("aria-pressed", "false")  # off until asked for
    expect(page.locator("[data-live]")).to_be_hidden()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-live]")).to_be_visible()


def test_without_an_active_model_nothing_is_offered(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    with page.expect_response("**/models/smiley/active.json") as answered:
        page.get_by_role("button", name="Open the camera").click()
    assert answered.value.json() == {"model": None}
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()
    expect(page.get_by_role("button", name="Live score")).to_be_hidden()


def test_the_active_model_is_public_and_kept_by_browsers(
    live_site: LiveSite, active: int, artifact: Path
) -> None:
    with live_site.client() as nobody:
        first = nobody.get("/models/smiley/active.json")
        facts = first.json()["model"]
        assert (facts["number"], facts["classes"]) == (active, list(CLASSES))
        assert (facts["input_size"], facts["channels"]) == (48, 3)
        assert "public" in first.headers["Cache-Control"]
        again = nobody.get("/models/smiley/active.json", headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        file = nobody.get(facts["file"])
        assert file.content == (artifact / "model.tflite").read_bytes()
        assert "max-age" in file.headers["Cache-Control"]
        assert nobody.get(facts["file"], headers={"If-None-Match": file.headers["ETag"]}).status_code == 304
        assert nobody.get(f"/models/smiley/{active + 1}/model.tflite").status_code == 404


def test_browser_server_and_training_say_the_same_of_the_same_hundred_crops(
    visit: Visit, browser: Browser, active: int, artifact: Path, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    classifier = SmileyClassifier(artifact)
    points = detect(astronaut)[0].points
    random = np.random.default_rng(1)
    crops = [warp(astronaut, align(points + random.normal(0, 4, (6, 2)), 48), 48) for _ in range(60)]
    crops += list(random.integers(0, 256, (40, 48, 48, 3), dtype=np.uint8))
    trained = load_keras(artifact).predict(np.stack(crops).astype(np.float32), verbose=0)
    for crop, expected in zip(crops, trained.tolist(), strict=True):
        rgba = np.concatenate([crop, np.full((48, 48, 1), 255, np.uint8)], axis=2).ravel().tolist()
        given = call(
            page,
            """async ({ LiveModel, activeModel }, rgba) => {
              const settings = document.querySelector("[data-booth]").dataset;
              window.live ??= await LiveModel.load(window.litert, await activeModel(settings.modelUrl));
              return window.live.predict(Uint8ClampedArray.from(rgba));
            }""",
            rgba,
        )
        assert given == pytest.approx(classifier.predict_one(crop), abs=1e-3)
        assert given == pytest.approx(dict(zip(classifier.classes, expected, strict=True)), abs=1e-3)


def test_grey_is_weighed_as_on_the_server(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    crop = np.random.default_rng(2).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    rgba = np.concatenate([crop, np.full((8, 8, 1), 255, np.uint8)], axis=2).ravel().tolist()
    given = call(
        page,
        """async ({ LiveModel }, rgba) => {
          const classes = Array.from({ length: 64 }, (_, index) => index);
          const echo = { run: async (input) => [input] };
          const model = new LiveModel(echo, { classes, input_size: 8, channels: 1 });
          return Object.values(await model.predict(Uint8ClampedArray.from(rgba)));
        }""",
        rgba,
    )
    assert given == cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).ravel().tolist()


def test_the_score_is_shown_and_sent_with_the_photo(visit: Visit, browser: Browser, active: int) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.get_by_role("button", name=":P").click()
    open_live(page)
    meter = page.locator("[data-live]")
    expect(meter.locator("progress")).not_to_have_js_property("value", 0)
    expect(meter.locator("[data-live-share]")).to_contain_text("%")
    assert meter.get_attribute("role") is None  # quiet: nobody is told of every flicker
    page.get_by_role("button", name="Take three photos").click()
    expect(page.locator(".frame")).to_have_count(3)
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.evaluate(
        """() => {
          const set = FormData.prototype.set;
          FormData.prototype.set = function (name, ...values) {
            window.sent = { ...window.sent, [name]: values[0] };
            return set.call(this, name, ...values);
          };
        }"""
    )
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_role("heading", name="Sent. Thank you!")).to_be_visible()
    score = float(page.evaluate("() => window.sent.live_score"))
    assert 0 < score < 1
    (kept,) = page.request.get("/api/v1/photos/").json()["results"]
    assert kept["live_score"] == pytest.approx(score)


def test_a_smiley_that_the_model_does_not_know_has_no_score(
    visit: Visit, browser: Browser, active: int
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.get_by_role("button", name=":X").click()
    open_live(page)
    expect(page.get_by_text("The model does not know this one yet")).to_be_visible()


def test_the_score_is_off_again_at_a_second_press(visit: Visit, browser: Browser, active: int) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    open_live(page)
    page.get_by_role("button", name="Live score").click()
    expect(page.locator("[data-live]")).to_be_hidden()
    page.wait_for_timeout(400)
    expect(page.locator("[data-live]")).to_be_hidden()


def test_after_sending_the_model_says_what_it_sees(visit: Visit, browser: Browser, active: int) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    take_photos(page)
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.get_by_role("button", name="Send 1").click()
    card = page.locator(".sent-card")
    expect(card.get_by_text("We found your face.")).to_be_visible()
    expect(card.locator("[data-verdict]")).to_be_visible()
    (sent,) = page.request.get("/api/v1/photos/").json()["results"]
    facts = page.request.get(f"/api/v1/photos/{sent['id']}/").json()
    seen = facts["prediction"]
    assert (seen["model"], facts["prediction_expected"]) == (active, False)
    words = card.locator("[data-verdict-words]")
    expect(words).to_have_text(f"The model sees {seen['glyph']}, {round(100 * seen['share'])}%")
    assert card.locator("[data-verdict] progress").evaluate("(bar) => bar.value") == pytest.approx(
        seen["share"]
    )
    expect(card.locator(".verdict .smiley-face")).to_be_visible()
