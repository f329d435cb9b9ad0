"""A training step of the networks beside PyTorch Geometric's, and training on samples of a large graph.

    make bench-speed                                    all steps, about ten minutes
    .venv/bin/python -m benchmarks.speed --only gat     one of them; what was measured before is kept

100,000 firms that hear each other along 1,000,000 edges of heavy-tailed degrees; 64 inputs, two layers,
hidden width 64, two outputs as a binary target has; forward, backward and the optimiser's step; two threads.
The kinds of network take turns in one process, and the median of their times counts. Memory is the peak of
resident memory above that before the first step, in a process of its own for each. Writes
benchmarks/results/speed.json and tables in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Read once, when the first OpenMP library is loaded: waiting threads leave the core to whoever works.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn
from torch.nn import functional

from benchmarks.graph_tables import heavy_tailed_graph
from benchmarks.recording import RESULTS, ROOT, document, reached, record
from models.csr import Csr
from models.gnn import architectures, dimension_attention
from models.gnn.blocks import Block, whole_graph
from models.gnn.network import Shape
from models.message_passing import DGL, LOOPS, Neighbourhood
from models.plain_engine import PlainEngine
from models.sampled import Parts
from models.sampling import sampler
from schemas.candidates import GatSpec, GcnSpec, GraphSageSpec, NeighbourBatches, RgcnSpec

#: where `make bench-speed` puts PyTorch Geometric, which nothing but this file imports
PEERS = ROOT / ".peers"
FIRMS, EDGES, RELATIONS, SEED = 100_000, 1_000_000, 5, 0
WIDTH, OUTPUTS, HEADS, THREADS = 64, 2, 4, 2
ROUNDS = 9
TARGETS = {"sage_mean": 7.5, "sage_pool": 8, "gcn": 12, "rgcn": 4, "gat": 2, "dimension_attention": 2.5}
SAMPLED_STEPS = 300

Step = Callable[[], None]


class Setting:
    """The graph in the forms that each side takes, values, and outcomes."""

    def __init__(self, firms: int = FIRMS, edges: int = EDGES) -> None:
        relation = heavy_tailed_graph(firms, edges, SEED).relations["supply"]
        source = np.repeat(np.arange(firms), np.diff(relation.indptr))
        rng = np.random.default_rng(SEED)
        self.firms = firms
        self.edge_index = torch.from_numpy(np.stack([source, relation.indices]))
        self.kinds = torch.from_numpy(rng.integers(RELATIONS, size=len(source)))
        self.values = torch.from_numpy(rng.normal(size=(firms, WIDTH)).astype(np.float32))
        self.truth = torch.from_numpy(rng.integers(2, size=firms))

    def adjacency(self, kind: int | None = None) -> sp.csr_array:
        """Return who hears whom, in all or of one kind."""
        source, target = (self.edge_index if kind is None else self.edge_index[:, self.kinds == kind]).numpy()
        found = sp.csr_array((np.ones(len(source), np.float32), (target, source)), shape=(self.firms, self.firms))
        found.sort_indices()
        return found

    def block(self) -> Block:
        """Return what our networks see."""
        return Block(
            self.firms,
            self.firms,
            lambda: Neighbourhood(self.adjacency()),
            lambda: {f"r{kind}": Neighbourhood(self.adjacency(kind)) for kind in range(RELATIONS)},
        )

    def transposed(self) -> torch.Tensor:
        """Return what PyTorch Geometric calls adj_t, in torch's own sparse rows."""
        matrix = self.adjacency()
        parts = (torch.from_numpy(part) for part in (matrix.indptr, matrix.indices, matrix.data))
        return torch.sparse_csr_tensor(*parts, size=matrix.shape)


class OurDimensionAttention(nn.Module):
    """Two layers of dimension attention and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            dimension_attention.DimensionRisk(WIDTH, width, 1, 1.0) for width in (WIDTH, OUTPUTS)
        )

    def forward(self, blocks: list[Block], values: torch.Tensor) -> torch.Tensor:
        """Return the second layer's result."""
        return self.layers[1](blocks[1], torch.relu(self.layers[0](blocks[0], values)))


def our_network(what: str) -> nn.Module:
    """Return the network that a portfolio names."""
    common: dict[str, Any] = {"name": what, "hidden": WIDTH, "layers": 2, "dropout": 0.0}
    shape = Shape(WIDTH, OUTPUTS, tuple(f"r{kind}" for kind in range(RELATIONS)))
    if what == "dimension_attention":
        return OurDimensionAttention()
    spec = {
        "sage_mean": lambda: GraphSageSpec(kind="graphsage", aggregator="mean", **common),
        "sage_pool": lambda: GraphSageSpec(kind="graphsage", aggregator="pool", **common),
        "gcn": lambda: GcnSpec(kind="gcn", **common),
        "rgcn": lambda: RgcnSpec(kind="rgcn", **common),
        "gat": lambda: GatSpec(kind="gat", heads=HEADS, **common),
    }[what]()
    return architectures.network(spec, shape)


def their_layers(what: str) -> list[nn.Module]:
    """Return two layers of PyTorch Geometric with the same formulas."""
    with quiet():
        from torch_geometric.nn import GATConv, GCNConv, MessagePassing, RGCNConv, SAGEConv
        from torch_geometric.utils import softmax

    class DimensionConv(MessagePassing):
        """c = W h + b; sum_j softmax_j(c_j W_r)^k c_j^k."""

        def __init__(self, width: int) -> None:
            super().__init__(aggr="sum")
            self.contagion, self.relation = nn.Linear(WIDTH, width), nn.Linear(width, width, bias=False)

        def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
            contagion = self.contagion(x)
            return self.propagate(edge_index, x=contagion, scores=self.relation(contagion))

        def message(self, x_j: torch.Tensor, scores_j: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
            return softmax(scores_j, index) * x_j

    made: Mapping[str, Callable[[int], nn.Module]] = {
        "sage_mean": lambda width: SAGEConv(WIDTH, width),
        "sage_pool": lambda width: SAGEConv(WIDTH, width, aggr="max", project=True),
        "gcn": lambda width: GCNConv(WIDTH, width, cached=True),
        "rgcn": lambda width: RGCNConv(WIDTH, width, RELATIONS),
        "gat": lambda width: (
            GATConv(WIDTH, WIDTH // HEADS, heads=HEADS)
            if width == WIDTH
            else GATConv(WIDTH, width, heads=HEADS, concat=False)
        ),
        "dimension_attention": DimensionConv,
    }
    return [made[what](WIDTH), made[what](OUTPUTS)]


class TheirNetwork(nn.Module):
    """Two layers of PyTorch Geometric; the same activation between them as ours."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.layers = nn.ModuleList(their_layers(what))
        self.activation = functional.elu if what == "gat" else torch.relu

    def forward(self, values: torch.Tensor, *edges: torch.Tensor) -> torch.Tensor:
        """Return the second layer's result."""
        return self.layers[1](self.activation(self.layers[0](values, *edges)), *edges)


def training_step(net: nn.Module, forward: Callable[[], torch.Tensor], truth: torch.Tensor) -> Step:
    """Return a step: forward, loss, backward, optimiser."""
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)

    def step() -> None:
        optimiser.zero_grad()
        functional.cross_entropy(forward(), truth).backward()
        optimiser.step()

    return step


def our_step(what: str, setting: Setting, engine: str, *, anew: bool = False) -> Step:
    """Return a step of ours on one engine; with `anew`, as where dropout changes the inputs from step to step."""
    with environment(CREDITNET_ENGINE=engine):
        block = setting.block()
        if what == "dimension_attention":
            block = Block(setting.firms, setting.firms, lambda: block_union, lambda: {"all": block_union})
            block_union = Neighbourhood(setting.adjacency())
        net = our_network(what)

        def forward() -> torch.Tensor:
            if anew:
                block._memory.clear()
            outputs: torch.Tensor = net([block, block], setting.values)
            return outputs

        step = training_step(net, forward, setting.truth)
        step()  # lays out what it needs while the engine is chosen
    return step


def their_step(what: str, setting: Setting, form: str) -> Step:
    """Return a step of PyTorch Geometric's, with `edge_index` or `csr`."""
    net = TheirNetwork(what)
    edges = setting.edge_index if form == "edge_index" else setting.transposed()
    if what == "rgcn":
        if form == "csr":
            raise NotImplementedError("relations of a sparse matrix need torch_sparse")
        return training_step(net, lambda: net(setting.values, edges, setting.kinds), setting.truth)
    return training_step(net, lambda: net(setting.values, edges), setting.truth)


def compared(what: str, setting: Setting, rounds: int) -> dict[str, Any]:
    """Return medians in milliseconds of steps that take turns, and why a kind is missing."""
    makers = {
        "creditnet": lambda: our_step(what, setting, "dgl"),
        "creditnet, inputs anew": lambda: our_step(what, setting, "dgl", anew=True),
        "creditnet, engine torch": lambda: our_step(what, setting, "torch"),
        "pyg edge_index": lambda: their_step(what, setting, "edge_index"),
        "pyg csr": lambda: their_step(what, setting, "csr"),
    }
    steps, found = {}, {}
    for name, make in makers.items():
        try:
            torch.manual_seed(SEED)
            with quiet():
                step = make()
                step()
            steps[name] = step
        except (NotImplementedError, RuntimeError, ValueError, AttributeError, TypeError, AssertionError) as reason:
            if not name.startswith("pyg csr"):
                raise
            found[name] = f"not offered: {str(reason).splitlines()[0][:120]}" if str(reason) else "not offered"
    times: dict[str, list[float]] = {name: [] for name in steps}
    work: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            begun, worked = time.perf_counter(), time.process_time()
            step()
            work[name].append(1000 * (time.process_time() - worked))
            times[name].append(1000 * (time.perf_counter() - begun))
    medians = {name: round(statistics.median(taken), 1) for name, taken in times.items()}
    return {**found, **medians, "cpu": {name: round(statistics.median(taken), 1) for name, taken in work.items()}}


def primitives(setting: Setting, rounds: int) -> dict[str, Any]:
    """Return medians in milliseconds of each primitive forward and backward, by DGL and by the compiled loops."""
    adjacency = setting.adjacency()
    csr = Csr(adjacency.indptr.astype(np.int64), adjacency.indices.astype(np.int64), setting.firms)
    edges, firms = csr.edges, setting.firms
    by_head = (WIDTH // HEADS,)
    shapes = {
        "sum": [(firms, WIDTH)],
        "mean": [(firms, WIDTH)],
        "maximum": [(firms, WIDTH)],
        "weighted_sum": [(firms, WIDTH), (edges,)],
        "edge_softmax": [(edges, HEADS)],
        "attended": [(edges, HEADS), (firms, HEADS, *by_head)],
        "additive_attention": [(firms, HEADS), (firms, HEADS), (firms, HEADS, *by_head)],
        "dimension_attention": [(firms, WIDTH), (firms, WIDTH)],
        "edge_sum": [(edges, HEADS)],
        "at_senders": [(firms, HEADS)],
        "at_receivers": [(firms, HEADS)],
    }
    generator = torch.Generator().manual_seed(SEED)
    found: dict[str, Any] = {}
    for name, sizes in shapes.items():
        leaves = [torch.randn(size, generator=generator).requires_grad_() for size in sizes]
        more = (0.2,) if name == "additive_attention" else ()

        def both_ways(engine: PlainEngine, name: str = name, leaves: Any = leaves, more: Any = more) -> float:
            begun = time.perf_counter()
            result = getattr(engine, name)(csr, *leaves, *more)
            torch.autograd.grad(result.sum(), leaves)
            return 1000 * (time.perf_counter() - begun)

        engines = {"dgl": DGL, "loops": LOOPS}
        times: dict[str, list[float]] = {engine: [] for engine in engines}
        for number in range(rounds + 1):
            for engine, one in engines.items():
                took = both_ways(one)
                if number:
                    times[engine].append(took)
        found[name] = {engine: round(statistics.median(taken), 1) for engine, taken in times.items()}
        print(f"  {name:20s} dgl {found[name]['dgl']:8.1f} ms   loops {found[name]['loops']:8.1f} ms", flush=True)
    return found


def extra_memory(side: str) -> float:
    """Return by how many MB five steps of dimension attention raise the peak of this process."""
    small = Setting(1000, 5000)
    setting = Setting()
    made = {
        "ours": lambda where: our_step("dimension_attention", where, "dgl"),
        "theirs": lambda where: their_step("dimension_attention", where, "edge_index"),
    }[side]
    torch.manual_seed(SEED)
    step = made(small)  # compiles and imports
    step()
    if side == "ours":
        # The graph in our form belongs to the graph; the step is what is measured.
        with environment(CREDITNET_ENGINE="dgl"):
            kept = Neighbourhood(setting.adjacency())
            kept.csr.turned.csr.pieces  # noqa: B018 - laid out here
            block = Block(setting.firms, setting.firms, lambda: kept, lambda: {"all": kept})
            net = our_network("dimension_attention")
            block.joint  # noqa: B018 - laid out here
            step = training_step(net, lambda: net([block, block], setting.values), setting.truth)
    else:
        step = made(setting)
    gc.collect()
    before = resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    for _ in range(5):
        step()
    return (resident("VmHWM") - before) / 1e6


def sampled_training() -> dict[str, Any]:
    """Return the peak in GB of a process that trains on samples of 1,000,000 firms and 10,000,000 edges."""
    firms, edges = 10 * FIRMS, 10 * EDGES
    graph = heavy_tailed_graph(firms, edges, SEED)
    rng = np.random.default_rng(SEED)
    values = torch.from_numpy(rng.standard_normal((firms, WIDTH), dtype=np.float32))
    truth = torch.from_numpy(rng.integers(2, size=firms))
    spec = GraphSageSpec(kind="graphsage", name="sage", hidden=WIDTH, layers=2)
    torch.manual_seed(SEED)
    net = architectures.network(spec, Shape(WIDTH, 2, ()))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    sampling = sampler(NeighbourBatches(kind="neighbours"), whole_graph(graph), 2, Parts(union=True, relations=False))
    begun, steps, senders = time.perf_counter(), 0, 0
    for batch in sampling.epoch(np.ones(firms, bool), rng):
        assert batch.senders is not None
        optimiser.zero_grad()
        outputs = net(batch.blocks, values[batch.senders])
        functional.cross_entropy(outputs[batch.learnt], truth[batch.firms]).backward()
        optimiser.step()
        steps, senders = steps + 1, senders + len(batch.senders)
        if steps == 1:
            begun = time.perf_counter()
        if steps == SAMPLED_STEPS:
            break
    seconds = time.perf_counter() - begun
    return {
        "peak_gb": round(resident("VmHWM") / 1e9, 2),
        "steps": steps,
        "firms a step": NeighbourBatches(kind="neighbours").size,
        "fanout": NeighbourBatches(kind="neighbours").fanout,
        "milliseconds a step": round(1000 * seconds / (steps - 1), 1),
        "mean senders a step": round(senders / steps),
        "union edges": whole_edges(graph),
    }


def whole_edges(graph: Any) -> int:
    """Return the number of directed edges that the samples are drawn from."""
    return int(2 * graph.relations["supply"].edges)


def resident(what: str = "VmRSS") -> int:
    """Return bytes of resident memory, now or (VmHWM) at its peak."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return 1024 * int(line.split()[1])


@contextmanager
def environment(**names: str) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def quiet() -> Iterator[None]:
    """Keep others' warnings out of the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def alone(*words: str) -> Any:
    """Run a step of this file in a process of its own and return what it found."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--alone", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def memory_compared() -> dict[str, float]:
    """Return peak extra memory of both sides, each in its own process."""
    ours, theirs = alone("memory", "ours"), alone("memory", "theirs")
    return {"creditnet_mb": round(ours), "pyg edge_index_mb": round(theirs), "ratio": round(ours / theirs, 3)}


def reach(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the targets and what was reached of them; what was not measured is null."""

    def ratio(what: str) -> float | None:
        times = kept.get(what)
        return times and round(times["pyg edge_index"] / times["creditnet"], 2)

    lines = [reached(f"{what}_100k", ratio(what), at_least=least) for what, least in TARGETS.items()]
    memory, sampled = kept.get("memory"), kept.get("sampled")
    return [
        *lines,
        reached("dimension_attention_memory_ratio", memory and memory["ratio"], at_most=0.5),
        reached("sampled_1m_peak_gb", sampled and sampled["peak_gb"], at_most=6),
    ]


def tables(kept: Mapping[str, Any]) -> str:
    """Return what was measured as people read it."""
    lines = [
        "| a training step | creditnet | PyG, `edge_index` | ratio | target | PyG, its CSR | ratio | engine torch "
        "| inputs change | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for what, least in TARGETS.items():
        if (times := kept.get(what)) is None:
            continue
        ours, theirs, csr = times["creditnet"], times["pyg edge_index"], times["pyg csr"]
        anew = times.get("creditnet, inputs anew")
        changing = f"{anew:,.0f} ms | {theirs / anew:.1f}" if anew else "not measured | "
        beside = f"{csr:,.0f} ms | {csr / ours:.1f}" if isinstance(csr, float) else "not offered | "
        lines.append(
            f"| {what.replace('_', ' ')} | {ours:,.0f} ms | {theirs:,.0f} ms | {theirs / ours:.1f} | at least {least} "
            f"| {beside} | {times['creditnet, engine torch']:,.0f} ms | {changing} |"
        )
    if memory := kept.get("memory"):
        lines += [
            "",
            f"Dimension attention takes {memory['creditnet_mb']:,} MB beside what is there before the first step, "
            f"PyTorch Geometric {memory['pyg edge_index_mb']:,} MB: ratio {memory['ratio']} (target at most 0.5).",
        ]
    if sampled := kept.get("sampled"):
        lines += [
            "",
            f"GraphSAGE on samples of 1,000,000 firms and 10,000,000 edges, both ways: {sampled['peak_gb']} GB at "
            f"its peak (target at most 6 GB), the graph's construction included; {sampled['steps']} steps of "
            f"{sampled['firms a step']:,} firms, {sampled['fanout']} partners a firm and layer, "
            f"{sampled['milliseconds a step']:,} ms a step.",
        ]
    if parts := kept.get("primitives"):
        lines += ["", "| primitive, forward and backward | DGL | compiled loops |", "|---|---|---|"]
        lines += [
            f"| {name} | {took['dgl']:,.1f} ms | {took['loops']:,.1f} ms |"
            for name, took in parts.items()
            if name != "load"
        ]
    return "\n".join(lines)


def write_tables(kept: Mapping[str, Any]) -> None:
    """Put the tables between their marks in docs/benchmarks.md."""
    document("speed", tables(kept))


def main() -> None:
    """Measure what is asked for and write `results/speed.json`."""
    steps = [*TARGETS, "primitives", "memory", "sampled"]
    parser = argparse.ArgumentParser(description="Time training steps beside PyTorch Geometric's.")
    parser.add_argument("--only", nargs="+", choices=steps, default=steps, help="measure these; keep the others")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often the kinds take turns")
    parser.add_argument("--alone", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if PEERS.is_dir():
        sys.path.append(str(PEERS))
    torch.set_num_threads(THREADS)
    if asked.alone:
        print(json.dumps(extra_memory(asked.alone[1]) if asked.alone[0] == "memory" else sampled_training()))
        return
    if importlib.util.find_spec("torch_geometric") is None:
        sys.exit("PyTorch Geometric is not here; `make bench-speed` installs it beside the environment.")
    path = RESULTS / "speed.json"
    kept = json.loads(path.read_text())["steps"] if path.exists() else {}
    setting = Setting() if set(asked.only) - {"memory", "sampled"} else None
    for step in asked.only:
        if setting is not None and step in TARGETS:
            kept[step] = compared(step, setting, asked.rounds)
        elif setting is not None and step == "primitives":
            kept[step] = primitives(setting, asked.rounds)
        else:
            kept[step] = memory_compared() if step == "memory" else alone("sampled")
        print(f"{step:20s} {kept[step] if step != 'primitives' else ''}", flush=True)
        kept[step]["load"] = round(os.getloadavg()[0], 1)
        record("speed", {"reach": reach(kept), "steps": kept, "threads": THREADS}, seeds=[SEED])
        write_tables(kept)
    for line in reach(kept):
        print(line)


if __name__ == "__main__":
    main()
