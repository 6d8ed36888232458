"""Office-Home: everyday objects as art, clip art, products and photographs."""

from __future__ import annotations

from bench.data.tables.domains import DomainFolders, protocols_of, word

DOMAINS = ("Art", "Clipart", "Product", "Real World")


class OfficeHome(DomainFolders):
    """Office-Home: 4 domains x 65 classes, 15,588 images (Venkateswara et al., CVPR 2017)."""

    title = "Office-Home"
    task = "classification"
    homepage = "https://www.hemanthdv.org/officeHomeDataset.html"
    licence = "research use"
    citation = "H. Venkateswara et al., Deep Hashing Network for Unsupervised Domain Adaptation, CVPR 2017"
    folder = "office_home"
    download = "DomainBed's script domainbed/scripts/download.py (https://github.com/facebookresearch/DomainBed)"
    domains = DOMAINS
    class_total = 65
    protocols = protocols_of(DOMAINS)
    expected = {f"leave_{word(name)}": {"total": 15588} for name in DOMAINS}
