"""Published numbers: as printed, what arithmetic says of them, and verdicts against records.

Imports neither torch nor timm.
"""

from bench.claims.arithmetic import examine
from bench.claims.findings import Finding
from bench.claims.our_results import Ours
from bench.claims.published import Issue, Paper, chosen, load
from bench.claims.schema import Claim
from bench.claims.verdicts import Judgement, judge, strict

__all__ = ["Claim", "Finding", "Issue", "Judgement", "Ours", "Paper", "chosen", "examine", "judge", "load", "strict"]
