"""Who sees the console: operators. To everybody else who is signed in, it does not exist."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from modelyard.accounts.requests import person_of

Rest = ParamSpec("Rest")
View = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]


def operators_only(view: View[Rest]) -> View[Rest]:
    """Visitors sign in first; people who are no operators get a 404."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        if not person_of(request).is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return login_required(guarded)
