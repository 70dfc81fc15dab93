"""What collector announces. Higher rooms subscribe in `AppConfig.ready`; receivers run inside the announcing
transaction, so what they write stands or falls with it."""

from django.dispatch import Signal

photo_submitted = Signal()  # photo
photo_withdrawn = Signal()  # photo, tombstone; sent before the row goes
participant_withdrawn = Signal()  # participant; sent after its photos went
