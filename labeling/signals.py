"""What labeling announces, inside its own transactions."""

from django.dispatch import Signal

face_found = Signal()  # face: the subject of a photo, with its crop
decision_changed = Signal()  # photo, which is locked; decision; before: its outcome until now
photo_queued = Signal()  # photo: it waits for reviewers from now on, for the first time or again
