"""Lists of admin over millions of rows: no row is counted or skipped to show a page, so that each costs the same."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest

AFTER, BEFORE = "after", "before"
_COUNTED = 10_000
_BETWEEN = "~"


class MoreThan(int):
    """A number that says of itself that it is only the least there can be."""

    def __str__(self) -> str:
        return f"more than {int(self) - 1:,}"


class KeysetChangeList(ChangeList):
    """Pages by the values of a row shown (`?after=` the last one, `?before=` the first one), which an index finds at
    once, and never by their number.

    Newest first by the one field that `ordering` names, which has to have an index, else by the primary key.
    """

    keyset = True
    older = newer = ""

    def __init__(self, request: HttpRequest, *arguments: Any) -> None:
        self.after, self.before = request.GET.get(AFTER, ""), request.GET.get(BEFORE, "")
        super().__init__(request, *arguments)

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        wanted: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in wanted.items() if name not in (AFTER, BEFORE)}

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        # Another filter begins at its own first page.
        address: str = super().get_query_string(new_params, [*(remove or ()), AFTER, BEFORE])
        return address

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        return [f"-{self._field()}", "-pk"] if self._field() else ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        try:
            shown, newer, older = self._page()
        except (ValueError, ValidationError):
            messages.warning(request, "This address is damaged: here is the list from its beginning.")
            self.after = self.before = ""
            shown, newer, older = self._page()
        if newer:
            self.newer = self.get_query_string({BEFORE: self._cursor(shown[0])})
        if older:
            self.older = self.get_query_string({AFTER: self._cursor(shown[-1])})
        counted = self.queryset.order_by()[: _COUNTED + 1].count()
        self.result_count = MoreThan(counted) if counted > _COUNTED else counted
        self.result_list = shown
        # Of all rows nothing is said beside the search field, only of those that something was asked of.
        self.full_result_count = None if self.query or self.has_active_filters else self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all, self.multi_page = False, False
        self.paginator = Paginator(shown, max(len(shown), 1))

    def _page(self) -> tuple[list[Any], bool, bool]:
        """The rows shown, and whether there are newer and older ones."""
        most = self.list_per_page
        if self.before:
            back = self.queryset.filter(self._beyond(self.before, "gt")).reverse()
            rows = list(back[: most + 1])
            if len(rows) > most:
                return rows[:most][::-1], True, True
            # Newer rows than a page there are none: then it is the first page, and whole.
            self.before = ""
        page = self.queryset.filter(self._beyond(self.after, "lt")) if self.after else self.queryset
        rows = list(page[: most + 1])
        return rows[:most], bool(self.after and rows), len(rows) > most

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

    def _beyond(self, cursor: str, side: str) -> Q:
        """Rows on one `side` of the cursor's: `lt` or `gt`."""
        value, _, key = cursor.rpartition(_BETWEEN)
        last = self.model._meta.pk.to_python(key)
        field = self._field()
        if not field:
            return Q(**{f"pk__{side}": last})
        at = self.model._meta.get_field(field).to_python(value)  # type: ignore[union-attr]
        if at is None:
            raise ValueError(value)
        # The first condition alone is what the index begins at.
        return Q(**{f"{field}__{side}e": at}) & (
            Q(**{f"{field}__{side}": at}) | Q(**{field: at, f"pk__{side}": last})
        )
