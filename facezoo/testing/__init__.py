"""The conformance kit: is this component, pipeline or plugin what facezoo's contract says?

    from facezoo.testing import check_component

    def test_my_encoder():
        check_component(MyEncoder(MyConfig()))

For third parties as for the first-party plugins. Each function tries everything, then returns a ``Conformance`` or
raises one ``ConformanceError`` that lists every fault by a stable name, with what was seen and what belongs there.
Untrained instances will do: what is checked is how a network behaves, not how good it is.
"""

from __future__ import annotations

from facezoo.testing.component import check_component
from facezoo.testing.findings import Conformance, ConformanceError, Fault
from facezoo.testing.pipeline import check_pipeline
from facezoo.testing.plugin import check_plugin

__all__ = ["Conformance", "ConformanceError", "Fault", "check_component", "check_pipeline", "check_plugin"]
