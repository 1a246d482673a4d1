"""How values are shown: numbers, sizes, times, states. Registered as a builtin, so no page has to load it."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from babel.core import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal
from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from modelyard import wording
from modelyard.contracts.profile import Problem

register = template.Library()

NOTHING = "–"
SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
TONES: Mapping[str, str] = {
    "queued": "waiting",
    "uploaded": "active",
    "starting": "active",
    "running": "active",
    "loading": "active",
    "watching": "active",
    "succeeded": "good",
    "ready": "good",
    "live": "good",
    "passed": "good",
    "active": "good",
    "failed": "bad",
    "rejected": "bad",
    "broken": "bad",
    "revoked": "bad",
    "lost": "bad",
    "tripped": "bad",
    "stuck": "bad",
    "expired": "warn",
    "expiring": "warn",
    "degraded": "warn",
    "unjudged": "warn",
    "unreachable": "warn",
    "cancelled": "quiet",
    "retired": "quiet",
    "idle": "quiet",
}


def current_locale() -> Locale:
    """The Babel locale of the active language."""
    return Locale.parse((get_language() or "en").replace("-", "_"), sep="_")


def as_number(value: Any) -> float | None:
    """The finite number that `value` is, None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


@register.filter
def number(value: Any, decimals: int | None = None) -> str:
    """Thousands separated; floats with four significant digits unless `decimals` says otherwise: 12,345 · 0.1235."""
    amount = as_number(value)
    if amount is None:
        return NOTHING
    if decimals is None:
        decimals = 0 if amount == int(amount) else _decimals_for(amount)
    if amount and abs(amount) < 10**-6:
        return f"{amount:.2e}"
    pattern = "#,##0." + "0" * decimals if decimals else "#,##0"
    return str(format_decimal(round(amount, decimals), pattern, current_locale()))


def _decimals_for(amount: float, digits: int = 4) -> int:
    """How many decimals show `digits` significant digits, with no zeros hanging on."""
    wanted = max(0, digits - 1 - math.floor(math.log10(abs(amount))))
    shown = f"{amount:.{min(wanted, 8)}f}"
    return len(shown.rstrip("0").partition(".")[2])


@register.filter
def compact(value: Any) -> str:
    """Short for headlines: 1.2K, 3.4M (in Chinese 1.2万)."""
    amount = as_number(value)
    if amount is None:
        return NOTHING
    return str(format_compact_decimal(amount, locale=current_locale(), fraction_digits=1))


@register.filter
def percent(value: Any, decimals: int = 0) -> str:
    """A fraction as per cent: 0.123 → 12%, `percent:1` → 12.3%. A trace is not said to be nothing."""
    fraction = as_number(value)
    if fraction is None:
        return NOTHING
    step = 10.0**-decimals
    share = fraction * 100
    if 0 < share < step / 2:
        return f"< {number(step, decimals)}%"
    if 100 - step / 2 <= share < 100:
        return f"> {number(100 - step, decimals)}%"
    return f"{number(share, decimals)}%"


@register.filter(name="bytes")
def file_size(value: Any) -> str:
    """1536 → 1.5 kB, in steps of 1024."""
    size = as_number(value)
    if size is None:
        return NOTHING
    step = 0
    while abs(size) >= 1024 and step < len(SIZES) - 1:
        size /= 1024
        step += 1
    decimals = 0 if step == 0 or abs(size) >= 100 else 1
    return f"{number(size, decimals)} {SIZES[step]}"


@register.filter
def duration(value: Any) -> str:
    """Seconds as people say them: 0.4 → 0.4 s, 80 → 1 min 20 s, 7500 → 2 h 5 min."""
    seconds = as_number(value)
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return _("%(count)s ms") % {"count": number(round(seconds * 1000), 0)}
    if seconds < 10:
        return _("%(count)s s") % {"count": number(round(seconds, 1))}
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = (
        (days, _("%(count)s d")),
        (hours, _("%(count)s h")),
        (minutes, _("%(count)s min")),
        (rest, _("%(count)s s")),
    )
    first = next((place for place, (count, _unit) in enumerate(parts) if count), 3)
    shown = [unit % {"count": number(count)} for count, unit in parts[first : first + 2] if count]
    return " ".join(shown)


@register.filter
def relative(value: datetime | None) -> SafeString | str:
    """A time as `<time>`: "3 minutes ago" with the exact moment on hover; the page keeps it up to date."""
    if value is None:
        return NOTHING
    locale = current_locale()
    said = format_timedelta(value - timezone.now(), add_direction=True, threshold=1.2, locale=locale)
    return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', value.isoformat(), exact(value), said)


@register.filter
def exact(value: datetime | None) -> str:
    """A time in full, in the installation's time zone."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    return str(format_datetime(local, "medium", locale=current_locale())) + f" {timezone.get_current_timezone_name()}"


@register.filter
def day(value: datetime | None) -> str:
    """The day of a time."""
    return NOTHING if value is None else str(format_date(value, "medium", locale=current_locale()))


@register.filter
def from_timestamp(value: Any) -> datetime | None:
    """Seconds since 1970 (as in a profile's date columns) as a time."""
    seconds = as_number(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


@register.filter
def tone(state: str) -> str:
    """The look of a state: good, bad, warn, active, waiting or quiet."""
    return TONES.get(str(state), "quiet")


@register.filter
def level(fraction: Any) -> int:
    """A share from 0 to 1 as one of eleven shades, 0 to 10, for `data-level` of a heat map's cell."""
    share = as_number(fraction) or 0
    return round(max(0.0, min(1.0, share)) * 10)


@register.filter
def initials(value: Any) -> str:
    """One or two letters for an avatar: "Ada Lovelace" → AL, 王小明 → 王."""
    words = str(value).partition("@")[0].replace(".", " ").replace("_", " ").split()
    if not words:
        return "?"
    if ord(words[0][0]) > 0x2E80:
        return words[0][0]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


@register.filter
def lookup(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """`{{ mapping|lookup:key }}`, None where there is no such key."""
    return None if mapping is None else mapping.get(key)


@register.filter
def share_of(part: Any, whole: Any) -> float:
    """`part / whole` as a fraction, 0 where there is no whole."""
    total, amount = as_number(whole), as_number(part)
    return amount / total if total and amount is not None else 0.0


@register.filter
def short_digest(value: Any) -> str:
    """The first twelve characters of a digest."""
    return str(value)[:12]


@register.filter
def amount(value: Any, unit: str) -> str:
    """A quota's amount in its unit: seconds and bytes as people say them, everything else counted."""
    if unit == "bytes":
        return file_size(value)
    if unit == "seconds":
        return duration(value) if as_number(value) else _("%(count)s s") % {"count": 0}
    return number(value)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite `static/img/icons.svg`; without a label it is decoration."""
    sprite = static("img/icons.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>', label, sprite, name
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)


@register.filter
def in_words(said: Problem | Mapping[str, Any] | None) -> str:
    """`{{ problem|in_words }}`: the message of a problem, a note or a failure in the language of the page."""
    return wording.in_words(said) if said else ""


@register.filter
def times(count: Any) -> str:
    """How often: 1 time, 3 times."""
    whole = int(as_number(count) or 0)
    return ngettext("%(count)s time", "%(count)s times", whole) % {"count": number(whole)}


@register.filter
def unlocalized(value: Any) -> str:
    """A number as HTML attributes and SVG want it: with a point, without separators."""
    amount = as_number(value)
    return "" if amount is None else f"{amount:.6g}"
