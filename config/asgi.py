"""What the web server runs: Django, behind the bridge that waits for slow lines."""

from django.conf import settings

from operations.bridge import Bridge

from .wsgi import application as django

application = Bridge(django, threads=settings.WEB_THREADS, max_body=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
