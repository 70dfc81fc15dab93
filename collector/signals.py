"""What collector announces. Higher rooms subscribe in `AppConfig.ready`; receivers run inside the announcing
transaction, so what they write stands or falls with it."""

from django.dispatch import Signal

consent_revoked = Signal()  # participant, from whose photos nothing may be learned any more
sharing_ended = Signal()  # consent, by which its participant's photos may be in no release from now on
photo_submitted = Signal()  # photo
photos_withdrawn = Signal()  # photos: a query set of one participant's, all locked; sent before the rows go
participant_withdrawn = Signal()  # participant; sent after its photos went
photo_state_changed = Signal()  # photo: what it is now is in the database, and perhaps not in this object
