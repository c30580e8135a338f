"""Your own Keras layers, losses, initializers and models, by the name they were saved under.

Example:
    LAYERS["Scale"] = Scale
"""

from typing import Any

LAYERS: dict[str, Any] = {}
