"""Published numbers: as printed, what arithmetic says of them, and verdicts against records.

Imports neither torch nor timm.
"""

from bench.claims.arithmetic import examine
from bench.claims.published import Issue, chosen, load
from bench.claims.schema import Claim

__all__ = []
