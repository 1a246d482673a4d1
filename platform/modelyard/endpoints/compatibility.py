"""Whether a model version keeps what an endpoint promises: what callers send goes on working, and means the same."""

from django.utils.translation import gettext as _

from modelyard.contracts.signature import Input, Signature


def breaks(promise: Signature, candidate: Signature) -> list[str]:
    """Return what callers of `promise` would lose with `candidate`, one sentence each; none where it is compatible.

    A compatible version takes every column that is promised, as the same kind, asks for nothing that callers may leave
    out today, and answers with the same labels or a value of the same target.
    """
    taken = {item.name: item for item in candidate.inputs}
    promised = {item.name: item for item in promise.inputs}
    broken = [_broken_input(item, taken.get(name)) for name, item in promised.items()]
    broken += [
        _("it needs the column %(name)s, which callers do not send") % {"name": repr(name)}
        for name, item in taken.items()
        if name not in promised and not item.optional
    ]
    broken.append(_broken_output(promise, candidate))
    return [sentence for sentence in broken if sentence]


def _broken_input(promised: Input, taken: Input | None) -> str:
    if taken is None:
        return _("it does not take the column %(name)s") % {"name": repr(promised.name)}
    if taken.kind != promised.kind:
        words = _("it takes %(name)s as %(taken)s, the endpoint promises %(promised)s")
        return words % {"name": repr(promised.name), "taken": taken.kind, "promised": promised.kind}
    if promised.optional and not taken.optional:
        return _("it needs a value in %(name)s, which callers may leave out") % {"name": repr(promised.name)}
    return ""


def _broken_output(promise: Signature, candidate: Signature) -> str:
    before, after = promise.output, candidate.output
    if before.kind != after.kind:
        words = _("it answers with a %(after)s, the endpoint promises a %(before)s")
        return words % {"after": after.kind, "before": before.kind}
    if before.name != after.name:
        words = _("it predicts %(after)s, the endpoint promises %(before)s")
        return words % {"after": repr(after.name), "before": repr(before.name)}
    gained, lost = set(after.labels) - set(before.labels), set(before.labels) - set(after.labels)
    if gained or lost:
        parts = [_("without %(labels)s") % {"labels": _listed(lost)}] if lost else []
        parts += [_("with %(labels)s") % {"labels": _listed(gained)}] if gained else []
        return _("its labels are not the promised ones: %(how)s") % {"how": ", ".join(parts)}
    return ""


def _listed(labels: set[str]) -> str:
    shown = sorted(labels)[:5]
    return ", ".join(repr(label) for label in shown) + (" …" if len(labels) > len(shown) else "")
