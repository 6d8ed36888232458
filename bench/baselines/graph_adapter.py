"""GraphAdapter: class text features refined over a graph of text and of image nodes."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones import Features
from bench.core.errors import UsageError
from bench.methods import HeadSpec, Method
from bench.methods.text import class_means, is_normalised, raw_text_of, support_of, unit


class GraphAdapter(Method):
    """GraphAdapter: ``t' = b t + (1 - b)(0.7 GCN_tt + 0.3 GCN_it)`` (Li et al., NeurIPS 2023, eq. 5-9).

    Each class is one graph: its text feature and a group of nodes, the text features or the mean training features of
    every `groups`-th class; edges are relu(cosine) plus the identity, symmetrically normalised, and the groups'
    results are averaged. This is the released code wherever that runs (C divisible by 4, width 512); here C and the
    width are free, and only the class's own row of each graph is computed. ``b``, the start of the weights (ours:
    Xavier) and the optimiser are not published. Groups depend on the classes' order unless ``groups=1``.
    Image nodes must be raw features, as the text is; ``image_nodes=unit_scaled`` gives normalised ones the mean length
    of the text features instead, which is our way around caches that keep directions only.
    """

    title = "GraphAdapter"
    needs_tokens = False
    needs_text = True

    beta: float = Field(0.7, ge=0, le=1, description="share b of the original text features")
    text_share: float = Field(0.7, ge=0, le=1, description="of the text graph, against the image graph")
    groups: PositiveInt = Field(4, description="groups of nodes, interleaved over the classes")
    image_nodes: str = Field("raw", pattern="^(raw|unit_scaled)$", description="raw, or normalised ones made as long")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        name = self.plugin_name()
        text, train = raw_text_of(spec, name), support_of(spec, name)
        x = torch.from_numpy(train.x).to(text)
        if is_normalised(x):
            if self.image_nodes == "raw":
                raise UsageError(
                    f"{name} needs raw image features, and these are normalised. Store what the encoder gives, or say "
                    f"{name}[image_nodes=unit_scaled]."
                )
            x = x * text.norm(dim=1).mean()
        return GraphHead(text, class_means(x, torch.from_numpy(train.y).long().to(text.device), spec.outputs), self)


class GraphHead(nn.Module):
    """Cosines with refined text features, times a scale."""

    text: Tensor
    images: Tensor
    text_edges: Tensor
    image_edges: Tensor

    def __init__(self, text: Tensor, images: Tensor, method: GraphAdapter) -> None:
        super().__init__()
        self.method = method
        self.register_buffer("text", text.clone(), persistent=False)
        edges = [stacked(text, nodes, method.groups) for nodes in (text, images)]
        self.register_buffer("images", images, persistent=False)
        self.register_buffer("text_edges", edges[0], persistent=False)
        self.register_buffer("image_edges", edges[1], persistent=False)
        self.text_graph, self.image_graph = (GraphConvolution(*text.shape) for _ in range(2))

    def refined(self) -> Tensor:
        """The text features (C, d) after both graphs."""
        of_text = self.text_graph(self.text, self.text, self.text_edges)
        of_images = self.image_graph(self.text, self.images, self.image_edges)
        share, beta = self.method.text_share, self.method.beta
        return beta * self.text + (1 - beta) * (share * of_text + (1 - share) * of_images)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.method.scale * unit(features.pooled) @ unit(self.refined()).T


class GraphConvolution(nn.Module):
    """One layer: ``tanh(A x W + b)`` at the class's own node, mean over the groups; a bias (d) for each class."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.empty(width, width))
        self.bias = nn.Parameter(torch.zeros(classes, width))
        nn.init.xavier_uniform_(self.weights)

    def forward(self, text: Tensor, nodes: Tensor, edges: Tensor) -> Tensor:
        """Text (C, d), nodes (C, d), edges (G, C, 1 + C) to (C, d)."""
        own, others = edges[..., :1], edges[..., 1:]
        mapped = others @ (nodes @ self.weights) + own * (text @ self.weights)
        return (mapped + self.bias).tanh().mean(0)


def stacked(text: Tensor, nodes: Tensor, groups: int) -> Tensor:
    """The own rows of the normalised adjacencies, (G, C, 1 + C); groups without a node are left out.

    Entry 0 is the loop, entry 1 + j the edge to node j, 0 where j is not in the group.
    """
    used = min(groups, len(nodes))
    rows = text.new_zeros(used, len(text), 1 + len(nodes))
    for group in range(used):
        members = torch.arange(group, len(nodes), groups, device=text.device)
        own, edges = own_row(text, nodes[members])
        rows[group, :, 0] = own
        rows[group][:, 1 + members] = edges
    return rows


def own_row(text: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """Row 0 of ``D^-1/2 (relu(cosine) + I) D^-1/2`` of each class's graph: the loop (C,), the edges (C, n)."""
    to_nodes = (_directions(text) @ _directions(nodes).T).relu()
    among = (_directions(nodes) @ _directions(nodes).T).relu()
    own_degree = 2 + to_nodes.sum(1)  # its cosine with itself, and the identity
    degrees = among.sum(1) + 1 + to_nodes  # (C, n): what node j has in the graph of class c
    return 2 / own_degree, to_nodes / (own_degree.unsqueeze(1) * degrees).sqrt()


def _directions(x: Tensor) -> Tensor:
    """Unit rows; a class without training samples has a node of zeros, which touches nothing."""
    return x / x.norm(dim=1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
