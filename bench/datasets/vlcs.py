"""VLCS: photographs of four data sets."""

from __future__ import annotations

from bench.data.tables.domains import DomainFolders, counts_of, protocols_of

SIZES = {"Caltech101": 1415, "LabelMe": 2656, "SUN09": 3282, "VOC2007": 3376}


class VLCS(DomainFolders):
    """VLCS: 4 photograph collections as domains x 5 classes, 10,729 images (Fang et al., ICCV 2013).

    The layout is DomainBed's, a folder a domain; Dassl's (``DOMAIN/train``, ``crossval``, ``test``) is another.
    """

    title = "VLCS"
    task = "classification"
    homepage = "https://github.com/facebookresearch/DomainBed"
    licence = "unknown"
    citation = "C. Fang, Y. Xu, D. N. Rockmore, Unbiased Metric Learning, ICCV 2013"
    folder = "VLCS"
    download = "DomainBed's script domainbed/scripts/download.py (https://github.com/facebookresearch/DomainBed)"
    domains = tuple(SIZES)
    class_total = 5
    protocols = protocols_of(tuple(SIZES))
    expected = counts_of(SIZES)
