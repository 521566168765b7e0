"""The common properties of group sets (spec/05 §8).

Owns: their definitions. Does not know: the record; names are those of the fields of `GroupSetSpec`, which a test holds.
"""

from __future__ import annotations

from typing import Final

from quorate.model.common_properties.defining import DESCRIPTION, ID, NAME, PropertyClass, flag, number, shown
from quorate.model.resource_type import NEVER_MS

SET: Final = PropertyClass(
    "set",
    (
        DESCRIPTION,
        flag("is_global", "IsGlobal", "it is ready before anything starts that is in no global set", default=False),
        number("startup_setting", "StartupSetting", "when is it ready: 1 after a delay; 2 to 4 when online", 1, 4, 1),
        number(
            "startup_count",
            "StartupCount",
            "of its groups; 0: a majority; all-ones: all",
            0,
            NEVER_MS,
            NEVER_MS,
        ),
        number("startup_delay_s", "StartupDelay", "so long after that", 0, 86_400, 20, "s"),
    ),
    (
        ID,
        NAME,
        shown("status_information", "StatusInformation", "whether it is ready"),
        shown("groups", "GroupNames", "its groups"),
        shown("depends_on", "ProviderNames", "sets that must be ready before its groups start"),
    ),
)
