"""DomainNet: objects in six styles."""

from __future__ import annotations

from bench.data.tables.domains import DomainFolders, protocols_of, word

DOMAINS = ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")


class DomainNet(DomainFolders):
    """DomainNet: 6 domains x 345 classes, 586,575 images (Peng et al., ICCV 2019).

    This is the count after DomainBed has removed its list of 9,431 duplicates.
    """

    title = "DomainNet"
    task = "classification"
    homepage = "https://ai.bu.edu/M3SDA/"
    licence = "research use"
    citation = "X. Peng et al., Moment Matching for Multi-Source Domain Adaptation, ICCV 2019"
    folder = "domain_net"
    download = "DomainBed's script domainbed/scripts/download.py (https://github.com/facebookresearch/DomainBed)"
    domains = DOMAINS
    class_total = 345
    protocols = protocols_of(DOMAINS)
    expected = {f"leave_{word(name)}": {"total": 586575} for name in DOMAINS}
