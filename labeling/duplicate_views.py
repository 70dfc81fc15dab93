"""The page on which staff keep one, all or none of photos that are nearly the same."""

import uuid
from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View

from operations.problems import Problem

from .duplicate_rulings import duplicates_rule, groups_waiting


@method_decorator(permission_required("labeling.add_droppedduplicate", raise_exception=True), name="dispatch")
class DuplicatesView(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        context = {
            **admin.site.each_context(request),
            "title": "Nearly the same",
            "groups": groups_waiting(),
        }
        return render(request, "admin/duplicates.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """`photos` are those shown together, `keep` is `all`, `none` or the id of one of them."""
        try:
            photos = [uuid.UUID(value) for value in request.POST.getlist("photos")]
            keep = {"all": photos, "none": []}.get(request.POST.get("keep", ""))
            if keep is None:
                keep = [uuid.UUID(request.POST.get("keep", ""))]
            dropped = duplicates_rule(photos=photos, keep=keep, reviewer=cast(User, request.user))
        except ValueError:
            messages.warning(request, "Choose which photos of a group to keep.")
        except Problem as problem:
            messages.warning(request, problem.detail)
        else:
            messages.info(request, f"Kept {len(photos) - dropped} of {len(photos)}.")
        return redirect("duplicates")
