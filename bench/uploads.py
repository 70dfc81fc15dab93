"""How many uploads a core takes in, and how long 50 volunteers at once wait.

In process, on one core: decode and re-encode alone (the bound), the same in the limited child, and the whole accepted
upload: checked, decoded in the child, written and synced, committed. Then over HTTPS against the running site, started
as `make up` starts it: 50 volunteers who send a photo every four seconds each, beside as many who ask for `/healthz`
(the server alone), and as many uploads as the machine takes.
"""

import logging
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

CLIENTS = 50
REQUESTS = 400
PAUSE_SECONDS = 4.0  # a volunteer needs longer to take the next photo


def main() -> None:
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["PHOTOS_PER_DAY"] = "1000000"
    import django
    from django.core.management import call_command

    from tests.conftest import running_broker

    django.setup()
    call_command("migrate", verbosity=0)
    logging.disable(logging.WARNING)
    with running_broker():
        in_process()
    over_https()


def selfies(count: int) -> list[bytes]:
    """JPEGs of 1280×720 with a face, all different, of the size that the booth sends."""
    import numpy as np
    from skimage import data, transform

    from tests.conftest import jpeg

    face = transform.resize(data.astronaut(), (720, 720), preserve_range=True).astype(np.uint8)
    scene = np.full((720, 1280, 3), 128, np.uint8)
    scene[:, 280:1000] = face
    return [jpeg(np.roll(scene, 7 * shift, axis=1)) for shift in range(count)]


def rate(work: Callable[[bytes], object], pictures: list[bytes]) -> float:
    """Pictures a second, one after the other."""
    work(pictures[0])
    start = time.perf_counter()
    for picture in pictures[1:]:
        work(picture)
    return (len(pictures) - 1) / (time.perf_counter() - start)


def in_process() -> None:
    from collector.intake.child import clean
    from collector.intake.receive import clean_picture
    from collector.models import Scope, Smiley
    from collector.selectors import consent_text_current
    from collector.services import consent_give, photo_submit

    pictures = selfies(60)
    text = consent_text_current("en")
    participant = consent_give(
        participant=None, text=text, scopes=Scope.values, age_affirmed=True
    ).participant
    smiley = Smiley.objects.get(slug="tongue")

    def submit(data: bytes) -> None:
        photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=data)

    bound = rate(lambda data: clean(data, 16_000_000), pictures)
    child = rate(clean_picture, pictures)
    whole = rate(submit, pictures)
    print(f"decode, rebuild, encode 1280×720 in process (bound)   {bound:6.0f}/s")
    print(
        f"the same in the limited child                         {child:6.0f}/s    {child / bound:.0%} of the bound"
    )
    print(
        f"accepted upload: on disk and committed                {whole:6.0f}/s    {whole / bound:.0%} of the bound"
    )


def over_https() -> None:
    from tests.conftest import running_site
    from tests.soak.soak_kills import agree

    with running_site() as site:
        client = site.client()
        token = agree(client)
        pictures = selfies(40)

        def upload(number: int) -> None:
            client.post(
                "/api/v1/photos/",
                data={"smiley": "tongue", "client_id": str(uuid.uuid4())},
                files={"image": ("selfie.jpg", pictures[number % len(pictures)], "image/jpeg")},
                headers={"X-CSRFToken": token},
            ).raise_for_status()

        report("uploads", upload, pause=PAUSE_SECONDS)
        report("/healthz", lambda number: client.get("/healthz").raise_for_status(), pause=PAUSE_SECONDS)
        report("uploads", upload, pause=0)
        print(f"web processes' resident memory                        {web_megabytes(site):6.0f} MB")


def report(name: str, request: Callable[[int], object], *, pause: float) -> None:
    rng = random.Random(1)

    def timed(number: int) -> float:
        time.sleep(rng.uniform(0, 2 * pause))
        start = time.perf_counter()
        request(number)
        return time.perf_counter() - start

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        times = sorted(pool.map(timed, range(REQUESTS)))
    seconds = time.perf_counter() - start
    p95 = times[int(0.95 * len(times))]
    print(
        f"{name:9} over HTTPS, {CLIENTS} clients, a pause of {pause:.0f} s          {REQUESTS / seconds:6.0f}/s"
        f"    median {1000 * statistics.median(times):.0f} ms, p95 {1000 * p95:.0f} ms"
    )


def web_megabytes(site: object) -> float:
    from tests.soak.soak_kills import processes

    return sum(process.memory_info().rss for process in processes(site, "granian")) / 2**20  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
