"""What a web process holds after many have tried a picture: resident memory of the running site, over HTTPS.

Face, keypoints and mask of 1280×720; a site that has trained no model yet has no others.
"""

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor

CLIENTS = 16
TRIES = 96


def main() -> None:
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    logging.disable(logging.WARNING)
    from bench.uploads import selfies, web_megabytes
    from tests.conftest import running_site

    pictures = selfies(8)
    with running_site(TRIES_PER_MINUTE="1000000") as site, site.client() as client:
        token = client.get("/api/v1/consent-text/").headers["X-CSRFToken"]

        def look(number: int) -> None:
            client.post(
                "/api/v1/try/",
                data={"seed": str(number)},
                files={"image": ("selfie.jpg", pictures[number % len(pictures)], "image/jpeg")},
                headers={"X-CSRFToken": token},
            ).raise_for_status()

        print(f"web processes' resident memory at first          {web_megabytes(site):6.0f} MB")
        look(0)
        print(f"after one picture was tried                      {web_megabytes(site):6.0f} MB")
        start = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(look, range(TRIES)))
        rate = TRIES / (time.perf_counter() - start)
        print(
            f"after {TRIES} more by {CLIENTS} at once, {rate:4.1f} a second     {web_megabytes(site):6.0f} MB"
        )


if __name__ == "__main__":
    main()
