"""Lists of admin over millions of rows: no row is counted or skipped to show a page, so that each costs the same."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest

AFTER = "after"
_COUNTED = 10_000
_BETWEEN = "~"


class MoreThan(int):
    """A number that says of itself that it is only the least there can be."""

    def __str__(self) -> str:
        return f"more than {int(self) - 1:,}"


class KeysetChangeList(ChangeList):
    """Pages by the values of the last row shown (`?after=`), which an index finds at once, and never by their number.

    Newest first by the one field that `ordering` names, which has to have an index, else by the primary key.
    """

    keyset = True
    older = ""

    def __init__(self, request: HttpRequest, *arguments: Any) -> None:
        self.after = request.GET.get(AFTER, "")
        super().__init__(request, *arguments)

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        wanted: dict[str, Any] = super().get_filters_params(params)
        wanted.pop(AFTER, None)
        return wanted

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        return [f"-{self._field()}", "-pk"] if self._field() else ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        page = self.queryset
        if self.after:
            try:
                page = page.filter(self._beyond(self.after))
            except (ValueError, ValidationError):
                messages.warning(request, "This address is damaged: here is the list from its beginning.")
        rows = list(page[: self.list_per_page + 1])
        shown = rows[: self.list_per_page]
        if len(rows) > len(shown):
            given = {name: value for name, value in request.GET.items() if name != AFTER}
            self.older = "?" + urlencode({**given, AFTER: self._cursor(shown[-1])})
        counted = self.queryset.order_by()[: _COUNTED + 1].count()
        self.result_count = MoreThan(counted) if counted > _COUNTED else counted
        self.result_list = shown
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all, self.multi_page = False, False
        self.paginator = Paginator(shown, max(len(shown), 1))

    def _keys(self) -> set[str]:
        return {"pk", self.model._meta.pk.name}

    def _field(self) -> str:
        """The field before the primary key; empty where the key alone orders."""
        named = [str(name).lstrip("-") for name in self.model_admin.ordering or ()]
        return next((name for name in named if name not in self._keys()), "")

    def _cursor(self, row: Any) -> str:
        field = self._field()
        value = row._meta.get_field(field).value_to_string(row) if field else ""
        return f"{value}{_BETWEEN}{row.pk}"

    def _beyond(self, cursor: str) -> Q:
        value, _, key = cursor.rpartition(_BETWEEN)
        last = self.model._meta.pk.to_python(key)
        field = self._field()
        if not field:
            return Q(pk__lt=last)
        at = self.model._meta.get_field(field).to_python(value)  # type: ignore[union-attr]
        if at is None:
            raise ValueError(value)
        # The first condition alone is what the index begins at.
        return Q(**{f"{field}__lte": at}) & (Q(**{f"{field}__lt": at}) | Q(**{field: at}, pk__lt=last))
