"""What the web server runs: Django, behind the bridge that waits for slow lines."""

from django.conf import settings

from operations.bridge import Bridge

from .wsgi import application as django

# Whatever a view takes at once: a photo with its form, or a piece of a video.
_MAX_BODY = max(settings.FILE_UPLOAD_MAX_MEMORY_SIZE, 16 * 2**20)

application = Bridge(django, threads=settings.WEB_THREADS, max_body=_MAX_BODY)
