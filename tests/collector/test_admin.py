"""Smileys in admin: who may change what."""

from typing import Any

import pytest
from django.test import Client

from collector import withdrawing
from collector.models import Photo, Smiley
from operations.models import AuditEvent, Job
from tests.operations.conftest import visitor

from .test_withdrawal import newcomer, run_jobs, send

pytestmark = pytest.mark.django_db


def signed_in(user: Any) -> Client:
    client = visitor()
    client.force_login(user)
    return client


def form(smiley: Smiley, **changes: Any) -> dict[str, Any]:
    fields = ("slug", "glyph", "title", "how", "order")
    return {**{name: getattr(smiley, name) for name in fields}, "active": "on", **changes}


def page(smiley: Smiley) -> str:
    return f"/admin/collector/smiley/{smiley.pk}/change/"


def test_name_of_a_smiley_is_chosen_once(staff: Any, smiley: Smiley) -> None:
    client = signed_in(staff("root", superuser=True))
    whole = form(Smiley(slug="own", glyph="°", title="Own", how="As you like.", order=99))
    assert client.post("/admin/collector/smiley/add/", whole, secure=True).status_code == 302
    assert Smiley.objects.get(slug="own").title == "Own"
    assert 'name="slug"' not in client.get(page(smiley), secure=True).content.decode()
    answer = client.post(page(smiley), form(smiley, slug="other", title="Changed"), secure=True)
    assert answer.status_code == 302
    smiley.refresh_from_db()
    assert (smiley.slug, smiley.title) == ("tongue", "Changed")


def test_editing_a_smiley_leaves_its_counts_alone(
    staff: Any, smiley: Smiley, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may change while the form is being worked on."""
    client = signed_in(staff("root", superuser=True))
    whole_clean = Smiley.full_clean

    def counted_meanwhile(self: Smiley, *args: Any, **kwargs: Any) -> None:
        Smiley.objects.filter(pk=self.pk).update(accepted_count=7, accepted_people=5)
        whole_clean(self, *args, **kwargs)

    monkeypatch.setattr(Smiley, "full_clean", counted_meanwhile)
    assert client.post(page(smiley), form(smiley, title="Changed"), secure=True).status_code == 302
    smiley.refresh_from_db()
    assert (smiley.title, smiley.accepted_count, smiley.accepted_people) == ("Changed", 7, 5)


def test_managers_read_smileys_and_jobs_and_change_neither(staff: Any, smiley: Smiley) -> None:
    client = signed_in(staff("mona", role="manager"))
    assert client.get(page(smiley), secure=True).status_code == 200
    assert client.post(page(smiley), form(smiley, title="Changed"), secure=True).status_code == 403
    listed = client.get("/admin/collector/smiley/", secure=True).content.decode()
    assert "tongue" in listed
    assert 'name="_save"' not in listed
    job = Job.objects.create(kind="a", subject="b", queue="bulk", state=Job.State.QUARANTINED)
    retry = {"action": "retry", "_selected_action": [str(job.pk)]}
    client.post("/admin/operations/job/", retry, secure=True)
    job.refresh_from_db()
    assert job.state == Job.State.QUARANTINED


def test_all_results_of_a_search_are_withdrawn_by_jobs(
    staff: Any, private_folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawing, "_AT_ONCE", 2)
    client = signed_in(staff("root", superuser=True))
    somebody, other = newcomer(), newcomer()
    theirs, kept = [send(somebody) for _ in range(3)], send(other)
    address = f"/admin/collector/photo/?q={somebody.pk}"
    chosen = {"action": "withdraw", "select_across": "1", "_selected_action": [str(theirs[0].pk)]}
    answer = client.post(address, chosen, secure=True, follow=True).content.decode()
    assert "3 photos are being withdrawn" in answer
    assert Photo.objects.count() == 4
    later = send(somebody)
    assert run_jobs(withdrawing.WITHDRAWAL) == 2
    assert set(Photo.objects.values_list("pk", flat=True)) == {kept.pk, later.pk}
    job = Job.objects.filter(kind=withdrawing.WITHDRAWAL).first()
    assert job is not None
    assert (job.state, job.progress_done, job.progress_total) == ("done", *[len(job.payload["photos"])] * 2)
    actors = AuditEvent.objects.filter(action="photo_withdrawn").values_list("actor", flat=True)
    assert list(actors) == ["staff:root"] * 3


def test_chosen_photos_are_withdrawn_at_once(staff: Any, private_folder: Any) -> None:
    client = signed_in(staff("root", superuser=True))
    photo, kept = send(somebody := newcomer()), send(somebody)
    chosen = {"action": "withdraw", "select_across": "0", "_selected_action": [str(photo.pk)]}
    client.post("/admin/collector/photo/", chosen, secure=True)
    assert list(Photo.objects.all()) == [kept]


def test_staff_read_states_by_their_own_names(staff: Any, private_folder: Any) -> None:
    client = signed_in(staff("root", superuser=True))
    Photo.objects.filter(pk=send(newcomer()).pk).update(state=Photo.State.QUARANTINE)
    page = client.get("/admin/collector/photo/?state__exact=quarantine", secure=True).content.decode()
    assert page.count("1 photo") == 1
    assert ">received</a>" in page
    assert page.count(">received</a>") == 1
