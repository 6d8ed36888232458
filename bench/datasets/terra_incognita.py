"""Terra Incognita: animals before camera traps at four places."""

from __future__ import annotations

from bench.data.tables.domains import DomainFolders, protocols_of, word

DOMAINS = ("location_100", "location_38", "location_43", "location_46")


class TerraIncognita(DomainFolders):
    """Terra Incognita: 4 camera sites x 10 classes, 24,788 images (Beery et al., ECCV 2018), as DomainBed cuts it."""

    title = "Terra Incognita"
    task = "classification"
    homepage = "https://beerys.github.io/CaltechCameraTraps/"
    licence = "CDLA-Permissive 1.0"
    citation = "S. Beery, G. Van Horn, P. Perona, Recognition in Terra Incognita, ECCV 2018"
    folder = "terra_incognita"
    download = "DomainBed's script domainbed/scripts/download.py (https://github.com/facebookresearch/DomainBed)"
    domains = DOMAINS
    class_total = 10
    protocols = protocols_of(DOMAINS)
    expected = {f"leave_{word(name)}": {"total": 24788} for name in DOMAINS}
