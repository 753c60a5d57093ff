"""Publishing the results of jobs as Bacalhau's publisher ``ipfs`` does, without a node.

>>> from ipfs_core.publish import PublisherSpec, PublishedResult
>>> PublisherSpec.parse("Publisher:\\n  Type: ipfs\\n").type
'ipfs'
"""

from __future__ import annotations

from ipfs_core.publish.credentials import Credentials
from ipfs_core.publish.layout import ResultsLayout
from ipfs_core.publish.publisher import Publisher
from ipfs_core.publish.result import PublishedResult
from ipfs_core.publish.spec import PublisherSpec
from ipfs_core.publish.target import Target

__all__ = ["Credentials", "PublishedResult", "Publisher", "PublisherSpec", "ResultsLayout", "Target"]
