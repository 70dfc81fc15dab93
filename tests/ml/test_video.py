"""Videos: read as far as they go, faces followed and chosen, drawn into a copy."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml.annotate import GLYPHS, Annotation, draw
from ml.cli import main
from ml.faces.detect import detect
from ml.faces.mesh import fit_mesh
from ml.geometry import Box
from ml.landmarks import KEYPOINT_NAMES
from ml.looks import Look
from ml.tracks import CONFIRMED_AFTER, FaceTracker, SceneCuts
from ml.video import Frame, UnreadableVideo, VideoReader
from ml.video_faces import FaceFollower
from ml.video_output import UnwritableVideo, VideoOutput, written_aside
from ml.video_samples import FaceSampler, alone, sample_faces
from tests.ml import films
from tests.ml.models import write_small_model


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("small") / "model")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def film(folder, astronaut):
    """Two seconds of one face."""
    return films.write(folder / "one.mp4", films.frames(astronaut, 48))


@pytest.fixture(scope="module")
def film_of_two(folder, astronaut):
    return films.write(folder / "two.mp4", films.frames(astronaut, 36, width=720, faces=2))


def read(path, **options):
    with VideoReader(path, **options) as reader:
        return list(reader), reader


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


class TestReading:
    def test_all_frames_come_in_order_and_upright_rgb(self, film, astronaut):
        frames, reader = read(film)
        assert [frame.number for frame in frames] == list(range(48))
        assert frames[-1].seconds == pytest.approx(47 / films.FPS, abs=0.01)
        assert (reader.width, reader.height, reader.announced, reader.frames_read) == (480, 360, 48, 48)
        assert reader.fps == pytest.approx(films.FPS)
        assert reader.warning is None
        drawn = next(films.frames(astronaut, 1))
        assert np.abs(frames[0].image.astype(int) - drawn).mean() < 4

    @pytest.mark.parametrize(("rate", "expected"), [(2, 4), (8, 16), (12, 24), (100, 48)])
    def test_rate_takes_evenly_spread_frames(self, film, rate, expected):
        frames, reader = read(film, rate=rate)
        assert len(frames) == expected
        assert reader.frames_read == 48
        gaps = np.diff([frame.seconds for frame in frames])
        assert gaps.max() - gaps.min() < 1.1 / films.FPS

    def test_phone_held_upright_gives_upright_frames(self, film, folder):
        turned = folder / "turned.mp4"
        turned.write_bytes(films.quarter_turned(film.read_bytes()))
        frames, reader = read(turned, rate=1)
        assert frames[0].image.shape == (480, 360, 3)
        assert (reader.width, reader.height) == (360, 480)
        straight, _ = read(film, rate=1)
        assert np.array_equal(frames[0].image, np.rot90(straight[0].image, -1))

    @pytest.mark.parametrize("ending", [".mp4", ".avi", ".mkv"])
    def test_truncated_copy_is_read_as_far_as_it_goes_with_a_warning(self, folder, astronaut, ending):
        whole = films.write(folder / f"whole{ending}", films.frames(astronaut, 72))
        data = whole.read_bytes()
        cut = folder / f"cut{ending}"
        cut.write_bytes((films.index_first(data) if ending == ".mp4" else data)[: len(data) // 2])
        frames, reader = read(cut)
        assert 20 < len(frames) < 60
        assert reader.truncated
        assert f"{len(frames)} of 72 announced frames" in reader.warning
        assert not read(whole)[1].truncated

    def test_recording_cut_off_before_its_index_says_so(self, film, folder):
        cut = folder / "no-index.mp4"
        cut.write_bytes(film.read_bytes()[:-2000])
        with pytest.raises(UnreadableVideo, match="without its index"):
            VideoReader(cut)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"no video at all" * 400, "no picture that can be decoded"),
            (os.urandom(5000), "no picture that can be decoded"),
            (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "playlist"),
            (b"ffconcat version 1.0\nfile one.mp4\n", "playlist"),
        ],
    )
    def test_what_is_no_video_is_a_named_error(self, tmp_path, content, said, capfd):
        path = tmp_path / "film.mp4"
        path.write_bytes(content)
        with pytest.raises(UnreadableVideo, match=said):
            VideoReader(path)
        assert capfd.readouterr().err == "", "decoders are quiet"

    def test_sound_alone_missing_file_folder_and_no_frames_are_named_errors(self, tmp_path, film):
        with pytest.raises(UnreadableVideo, match="sound alone"):
            VideoReader(films.sound_alone(tmp_path / "sound.wav"))
        with pytest.raises(UnreadableVideo, match="check the path"):
            VideoReader(tmp_path / "none.mp4")
        with pytest.raises(UnreadableVideo, match="is a folder"):
            VideoReader(tmp_path)
        # A file with its index and not one frame.
        data = films.index_first(film.read_bytes())
        empty = tmp_path / "empty.mp4"
        empty.write_bytes(data[: data.index(b"mdat") + 4])
        with pytest.raises(UnreadableVideo, match="before its first frame"):
            VideoReader(empty)

    def test_rate_has_to_be_one(self, film):
        for rate in (0, -1, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="rate"):
                VideoReader(film, rate=rate)

    def test_memory_holds_one_frame_however_long_the_film(self, folder):
        noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        path = films.write(folder / "long.mp4", (np.roll(noise // 8, n, axis=1) for n in range(400)))
        with VideoReader(path) as reader:
            for frame in reader:
                if frame.number == 100:
                    before = resident_megabytes()
        assert frame.number == 399
        # 300 frames of 0.9 MB went by.
        assert resident_megabytes() - before < 40


def resident_megabytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class TestTracking:
    def test_faces_that_cross_the_frame_keep_their_numbers(self):
        tracker, numbers = FaceTracker(), set()
        for step in range(40):
            boxes = [Box(10 + 6 * step, 50, 60, 60), Box(400 - 6 * step, 250, 60, 60)]
            order = [0, 1] if step % 2 else [1, 0]
            tracks = tracker.update([boxes[i] for i in order], step / 12)
            if step + 1 >= CONFIRMED_AFTER:
                numbers.add((tracks[order.index(0)].number, tracks[order.index(1)].number))
        assert numbers in ({(1, 2)}, {(2, 1)})

    def test_face_lost_for_a_moment_is_the_same_and_for_long_another(self):
        tracker = FaceTracker()
        for step in range(6):
            (track,) = tracker.update([Box(100, 100, 50, 50)], step / 12)
        for step in range(6, 12):
            tracker.update([], step / 12)
        assert tracker.update([Box(108, 100, 50, 50)], 1.0)[0] is track
        tracker.update([], 2.5)
        assert tracker.update([Box(108, 100, 50, 50)], 2.6)[0] is not track

    def test_face_that_vanishes_behind_another_does_not_come_back_as_it(self):
        tracker = FaceTracker()
        for step in range(6):
            front, back = tracker.update(
                [Box(100, 100, 80, 80), Box(260 - 24 * step, 100, 70, 70)], step / 12
            )
        tracker.update([Box(100, 100, 80, 80)], 0.5)
        again = tracker.update([Box(100, 100, 80, 80), Box(40, 100, 70, 70)], 0.6)
        assert again[0] is front
        assert again[1] is not back

    def test_detection_that_never_repeats_gets_no_number(self):
        tracker = FaceTracker()
        (ghost,) = tracker.update([Box(0, 0, 40, 40)], 0.0)
        for step in range(1, 8):
            tracker.update([], step / 12)
        assert ghost.number is None
        assert not ghost.alive
        assert tracker.tracks == []

    def test_far_or_other_sized_boxes_are_others(self):
        tracker = FaceTracker()
        (track,) = tracker.update([Box(100, 100, 50, 50)], 0.0)
        assert tracker.update([Box(300, 100, 50, 50)], 0.05)[0] is not track
        assert tracker.update([Box(0, 0, 400, 400)], 0.1)[0] is not track

    def test_scene_cut_is_seen_and_a_pan_is_not(self, astronaut):
        cuts = SceneCuts()
        assert not any(
            cuts.is_cut(np.ascontiguousarray(astronaut[:360, x : x + 300])) for x in range(0, 200, 20)
        )
        assert cuts.is_cut(np.ascontiguousarray(astronaut[150:510, 10:310][::-1, ::-1]))
        even = np.full((90, 120, 3), 80, np.uint8)
        noise = np.random.default_rng(0).integers(-1, 2, even.shape)
        cuts = SceneCuts()
        assert not cuts.is_cut(even)
        assert not cuts.is_cut((even + noise).astype(np.uint8))

    def test_both_faces_of_a_film_are_followed_from_first_to_last(self, film_of_two):
        follower = FaceFollower()
        seen = {}
        with VideoReader(film_of_two, rate=12) as reader:
            for frame in reader:
                for face in follower.look(frame):
                    seen.setdefault(face.track, []).append(face.box.center[0] > 360)
        assert [len(sides) for sides in seen.values()] == [18, 18]
        assert all(len(set(sides)) == 1 for sides in seen.values()), "no track jumps to the other face"

    def test_after_a_cut_the_face_in_the_same_place_is_somebody_new(self, folder, astronaut):
        one = list(films.frames(astronaut, 12))
        other = [frame.copy() for frame in one]
        backdrop = np.random.default_rng(3).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        backdrop = np.kron(backdrop, np.ones((60, 60, 1), np.uint8))
        for frame in other:
            frame[:, :140] = backdrop[:, :140]
            frame[:, 340:] = backdrop[:, 340:]
            frame[250:] = backdrop[250:]
        path = films.write(folder / "cut.mp4", one + other)
        follower = FaceFollower()
        with VideoReader(path) as reader:
            tracks = [face.track.number for frame in reader for face in follower.look(frame)]
        assert set(tracks) == {None, 1, 2}


class TestSampling:
    def sample(self, path, rate=4.0, **options):
        sampler = FaceSampler(rate, **options)
        with VideoReader(path, rate=12) as reader:
            return [s for samples in sample_faces(reader, sampler) for s in samples], sampler.sampling

    def test_still_face_gives_one_picture(self, folder, astronaut):
        path = films.write(folder / "still.mp4", films.frames(astronaut, 48, still=True))
        samples, sampling = self.sample(path)
        assert len(samples) == 1
        assert sampling.near_identical == 7
        assert samples[0].image.shape == (360, 480, 3), "nobody else is in it: the whole frame"
        assert not samples[0].company

    def test_same_film_gives_the_same_samples(self, film_of_two):
        first, second = (self.sample(film_of_two)[0] for _ in range(2))
        assert [(s.track.number, s.frame) for s in first] == [(s.track.number, s.frame) for s in second]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))

    def test_each_picture_of_two_people_shows_one(self, film_of_two):
        samples, _ = self.sample(film_of_two)
        assert {sample.track.number for sample in samples} == {1, 2}
        for sample in samples:
            assert sample.company
            assert sample.image.shape[1] < 500
            follower = FaceFollower()
            with_face = follower.look(Frame(0, 0.0, sample.image))
            assert len(with_face) == 1

    def test_blurred_faces_are_left_out(self, folder, astronaut):
        blurred = (cv2.GaussianBlur(frame, (0, 0), 2.5) for frame in films.frames(astronaut, 24))
        samples, sampling = self.sample(films.write(folder / "blurred.mp4", blurred))
        assert samples == []
        assert sampling.blurred >= 3
        assert "blurred" in sampling.dropped()

    def test_film_without_faces_gives_none(self, folder):
        wall = np.full((240, 320, 3), 120, np.uint8)
        samples, sampling = self.sample(films.write(folder / "wall.mp4", [wall] * 12))
        assert (samples, sampling.dropped()) == ([], {})

    def test_film_of_one_frame_gives_its_face(self, folder, astronaut):
        samples, _ = self.sample(films.write(folder / "frame.mp4", films.frames(astronaut, 1)))
        assert [sample.track.number for sample in samples] == [1]

    def test_faces_too_near_to_be_alone_give_nothing(self, astronaut):
        box = Box(200, 60, 120, 120)
        assert alone(astronaut, box, [Box(250, 80, 120, 120)]) is None
        assert alone(astronaut, box, []) is astronaut
        apart = alone(astronaut, Box(175, 60, 100, 100), [Box(400, 300, 90, 90)])
        assert apart is not None
        assert apart.shape[0] < 512

    def test_closed_eye_is_another_look_and_noise_is_not(self, astronaut):
        def look(image):
            face = detect(image)[0]
            return Look.at(image, fit_mesh(image, face).points)

        noisy = astronaut + np.random.default_rng(0).normal(0, 3, astronaut.shape)
        assert look(astronaut).is_near(look(np.clip(noisy, 0, 255).astype(np.uint8)))
        x, y = detect(astronaut)[0].points[3].astype(int)
        mouth = astronaut.copy()
        mouth[y - 8 : y + 10, x - 20 : x + 20] = (90, 30, 30)
        assert not look(astronaut).is_near(look(mouth))


class TestAnnotating:
    def test_copy_has_all_frames_and_json_a_line_for_each(self, film, tmp_path, small_model, capfd):
        out = tmp_path / "out.mp4"
        assert main(["annotate-video", str(film), str(out), "--model", str(small_model), "--json"]) == 0
        said = capfd.readouterr()
        *frames, done = rows(said.out)
        assert len(frames) == 48
        for number, row in enumerate(frames):
            assert row["frame"] == number
            (face,) = row["faces"]
            assert list(face["keypoints"]) == list(KEYPOINT_NAMES)
            assert sum(face["shares"].values()) == pytest.approx(1, abs=1e-4)
            assert face["share"] == max(face["shares"].values()) == face["shares"][face["smiley"]]
        assert {row["faces"][0]["track"] for row in frames[CONFIRMED_AFTER:]} == {1}
        assert (done["event"], done["frames"], done["truncated"]) == ("done", 48, False)
        copied, reader = read(out)
        assert len(copied) == 48
        assert reader.fps == pytest.approx(films.FPS)
        original, _ = read(film)
        away = np.abs(copied[20].image.astype(int) - original[20].image).mean(axis=2)
        box = frames[20]["faces"][0]["box"]
        top, middle = round(box[1]), round(box[0] + box[2] / 2)
        assert away[top - 3 : top + 3, middle].max() > 40, "the box is drawn"
        assert away[300:, :60].mean() < 5, "the rest is not touched"
        assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]

    def test_truncated_source_is_annotated_as_far_as_it_goes(self, film, tmp_path, capfd):
        cut = tmp_path / "cut.mp4"
        data = films.index_first(film.read_bytes())
        cut.write_bytes(data[: len(data) * 2 // 3])
        assert main(["annotate-video", str(cut), str(tmp_path / "out.mkv")]) == 1
        said = capfd.readouterr()
        assert "ends early" in said.err
        assert 10 < len(read(tmp_path / "out.mkv")[0]) < 48

    @pytest.mark.parametrize(
        ("source", "out", "said"),
        [
            ("garbage.mp4", "out.mp4", "no picture that can be decoded"),
            ("none.mp4", "out.mp4", "is not there"),
            ("film.mp4", "out.gif", "should end in one of"),
            ("film.mp4", "nowhere/out.mp4", "no folder"),
            ("film.mp4", "film.mp4", "is the source itself"),
        ],
    )
    def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
        self, film, tmp_path, capfd, source, out, said
    ):
        shutil.copy(film, tmp_path / "film.mp4")
        (tmp_path / "garbage.mp4").write_bytes(b"garbage" * 100)
        before = sorted(tmp_path.iterdir())
        assert main(["annotate-video", str(tmp_path / source), str(tmp_path / out)]) == 2
        assert said in capfd.readouterr().err
        assert sorted(tmp_path.iterdir()) == before

    def test_without_ffmpeg_it_says_that_the_sound_is_missing(self, film, tmp_path, monkeypatch, capfd):
        monkeypatch.setenv("PATH", str(tmp_path))
        assert main(["annotate-video", str(film), str(tmp_path / "out.mp4")]) == 0
        assert "without sound, for ffmpeg is not installed" in capfd.readouterr().out

    @pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
    def test_with_ffmpeg_the_sound_is_copied(self, film, tmp_path, capfd):
        sound = films.sound_alone(tmp_path / "sound.wav", 2)
        both = tmp_path / "both.mkv"
        line = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", film, "-i", sound, "-c", "copy", both]
        subprocess.run(line, check=True)
        assert main(["annotate-video", str(both), str(tmp_path / "out.mkv")]) == 0
        assert "sound kept" in capfd.readouterr().out
        heard = subprocess.run(["ffmpeg", "-i", tmp_path / "out.mkv"], capture_output=True, text=True).stderr
        assert "Audio: pcm_s16le" in heard
        assert main(["annotate-video", str(film), str(tmp_path / "silent.mp4")]) == 0
        assert "the source has no sound" in capfd.readouterr().out

    def test_late_frames_stand_for_longer_so_that_sound_stays_in_step(self, tmp_path):
        picture = np.zeros((48, 64, 3), np.uint8)
        with written_aside(tmp_path / "out.mp4") as aside:
            output = VideoOutput(aside, width=64, height=48, fps=10)
            for seconds in (0.0, 0.1, 0.5, 0.6, 5000.0):
                output.write(picture, seconds)
            output.close()
        assert output.frames == 7 + 101
        assert read(tmp_path / "out.mp4")[1].frames_read == 108

    def test_failure_on_the_way_leaves_what_was_there(self, tmp_path):
        out = tmp_path / "out.mp4"
        out.write_bytes(b"from before")
        with pytest.raises(UnwritableVideo, match="is there room"), written_aside(out) as aside:
            aside.write_bytes(b"cut off")
        assert out.read_bytes() == b"from before"
        assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


class TestDrawing:
    @pytest.mark.parametrize("size", [(16, 16), (90, 160), (720, 1280)])
    @pytest.mark.parametrize(
        "box", [Box(20, 20, 40, 40), Box(-30, -30, 2000, 2000), Box(5000, 5, 9, 9), Box(3, 3, 0, 0)]
    )
    def test_any_box_in_any_frame_is_drawn_without_touching_the_frame(self, size, box):
        frame = np.full((*size, 3), 128, np.uint8)
        points = np.array([[8.0, 8.0], [1e9, -1e9]])
        drawn = draw(frame, [Annotation(box, points, [True, True], "grin", 0.5)])
        assert drawn.shape == frame.shape
        assert (frame == 128).all()
        assert not np.array_equal(drawn, frame)

    def test_labels_of_neighbours_do_not_cover_each_other(self):
        frame = np.full((360, 640, 3), 128, np.uint8)
        nobody = np.empty((0, 2))
        boxes = [Box(200, 150, 60, 60), Box(240, 150, 60, 60)]
        one, other = (Annotation(box, nobody, [], "squint-laugh", 0.9) for box in boxes)

        def plate(faces):
            bare = [Annotation(face.box, nobody, []) for face in faces]
            return (draw(frame, faces) != draw(frame, bare)).any(axis=2).sum()

        assert plate([one, other]) > 1.9 * plate([one])

    def test_invisible_points_are_not_drawn(self):
        frame = np.full((200, 200, 3), 128, np.uint8)
        box = Box(20, 20, 160, 160)
        point = np.array([[100.0, 100.0]])
        assert (draw(frame, [Annotation(box, point, [False])])[90:110, 90:110] == 128).all()
        assert (draw(frame, [Annotation(box, point, [True])])[90:110, 90:110] != 128).any()

    def test_all_glyphs_are_known(self):
        assert len(GLYPHS) == len(set(GLYPHS.values())) == 17
