#!/usr/bin/env python3
"""Scheduler fixtures: what diffusers 0.42.1 computes, step by step, for every option we support.

    make_diffusion.py            writes tests/fixtures/diffusion/schedulers.json
    make_diffusion.py --check    computes again and compares with the committed file

Each case runs a scheduler on a stand-in for the network that both languages can write down:
    output(x, t) = 0.6 sin(1.3 x + 0.002 t) + 0.3 x cos(0.001 t)
in fp32, from a fixed start. The `reference` cases have no diffusers counterpart (the continuous
cosine schedule, the N+1-node log-SNR grid); they follow the formulas in fp64, written out below.
"""

import argparse
import json
import math
import pathlib
import sys
import warnings

import numpy as np
import torch

FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "diffusion" / "schedulers.json"
START = [-1.7, -0.6, -0.05, 0.4, 1.1, 2.3]
TOLERANCE = 2e-6  # relative, for --check: another processor's sin() may differ in the last bit


def model(x, t):
    return 0.6 * torch.sin(1.3 * x + 0.002 * t) + 0.3 * x * math.cos(0.001 * t)


# ---------------------------------------------------------------- cases from diffusers

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
LINEAR = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}
COSINE = {"beta_schedule": "squaredcos_cap_v2"}
ZERO_SNR = {**COSINE, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}
SPACINGS = ("leading", "trailing", "linspace")


def ddim_cases():
    name = "DDIMScheduler"
    for spacing in SPACINGS:
        yield name, {**SD, "clip_sample": False, "timestep_spacing": spacing, "steps_offset": 1}, 7
    for prediction in ("epsilon", "v_prediction", "sample"):
        yield name, {**LINEAR, "clip_sample": False, "prediction_type": prediction}, 10
    yield name, {**LINEAR, "clip_sample": True, "clip_sample_range": 0.8}, 10
    yield name, {**SD, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}, 10
    yield name, {**COSINE, "clip_sample": False}, 16
    yield name, {**ZERO_SNR, "clip_sample": False, "timestep_spacing": "trailing"}, 16
    yield name, {**ZERO_SNR, "clip_sample": False, "timestep_spacing": "linspace"}, 1
    yield name, {"num_train_timesteps": 50, "clip_sample": False}, 50


def dpm_cases():
    name = "DPMSolverMultistepScheduler"
    for order in (1, 2, 3):
        for solver in ("midpoint", "heun"):
            for steps in (9, 16):
                yield name, {**SD, "solver_order": order, "solver_type": solver}, steps
    for steps in (1, 2, 14, 15):
        yield name, {**SD, "solver_order": 3}, steps
    for spacing in SPACINGS:
        yield name, {**SD, "timestep_spacing": spacing, "steps_offset": 1}, 10
    for prediction in ("epsilon", "v_prediction", "sample"):
        yield name, {**LINEAR, "prediction_type": prediction}, 10
    for grid in ("use_karras_sigmas", "use_lu_lambdas"):
        for schedule in (SD, COSINE):
            yield name, {**schedule, grid: True}, 10
        yield name, {**SD, grid: True, "final_sigmas_type": "sigma_min"}, 10
        yield name, {**SD, grid: True, "solver_order": 3}, 16
    yield name, {**SD, "final_sigmas_type": "sigma_min"}, 10
    yield name, {**SD, "final_sigmas_type": "sigma_min", "lower_order_final": False}, 10
    yield name, {**SD, "final_sigmas_type": "sigma_min", "euler_at_final": True}, 16
    yield name, {**COSINE, "lambda_min_clipped": -5.1}, 10
    yield name, {**COSINE, "lambda_min_clipped": -5.1, "timestep_spacing": "trailing"}, 10
    yield name, {**ZERO_SNR, "timestep_spacing": "trailing"}, 10
    yield name, {**ZERO_SNR, "timestep_spacing": "trailing", "solver_order": 3}, 16
    for shift in (1.0, 3.0):
        yield name, {"use_flow_sigmas": True, "flow_shift": shift, "prediction_type": "flow_prediction"}, 10


def unipc_cases():
    name = "UniPCMultistepScheduler"
    for order in (1, 2, 3):
        for solver, last in (("bh1", "sigma_min"), ("bh2", "zero"), ("bh2", "sigma_min")):
            # bh1 with an end at zero is NaN in diffusers.
            ends = {"solver_type": solver, "final_sigmas_type": last}
            for steps in (9, 16):
                yield name, {**SD, "solver_order": order, **ends}, steps
    for steps in (1, 2):
        yield name, {**SD, "solver_order": 3}, steps
    for spacing in SPACINGS:
        yield name, {**SD, "timestep_spacing": spacing, "steps_offset": 1}, 10
    for prediction in ("epsilon", "v_prediction", "sample"):
        yield name, {**LINEAR, "prediction_type": prediction}, 10
    for schedule in (SD, COSINE):
        yield name, {**schedule, "use_karras_sigmas": True}, 10
    yield name, {**SD, "final_sigmas_type": "sigma_min", "lower_order_final": False}, 10
    yield name, {**ZERO_SNR, "timestep_spacing": "trailing"}, 10
    for shift in (1.0, 5.0):
        yield name, {"use_flow_sigmas": True, "flow_shift": shift, "prediction_type": "flow_prediction"}, 10
    dynamic = {"use_flow_sigmas": True, "use_dynamic_shifting": True, "prediction_type": "flow_prediction"}
    yield name, dynamic, 10, 0.9
    yield name, {**dynamic, "time_shift_type": "linear"}, 10, 2.5


def flow_cases():
    name = "FlowMatchEulerDiscreteScheduler"
    yield name, {"shift": 1.0}, 10
    yield name, {"shift": 3.0}, 10
    yield name, {"shift": 3.0}, 1
    yield name, {"use_dynamic_shifting": True}, 10, 0.9
    yield name, {"use_dynamic_shifting": True, "time_shift_type": "linear"}, 10, 2.5


def run_diffusers(name, config, steps, mu=None):
    import diffusers

    scheduler = getattr(diffusers, name)(**config)
    if mu is None:
        scheduler.set_timesteps(steps)
    else:
        scheduler.set_timesteps(steps, mu=mu)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)  # grids may repeat the first timestep
    x = torch.tensor([START], dtype=torch.float32)
    samples = []
    for t in scheduler.timesteps:
        x = scheduler.step(model(x, float(t)), t, x, return_dict=False)[0]
        samples.append(x[0].tolist())
    assert all(math.isfinite(v) for row in samples for v in row), (name, config, steps)
    case = {"config": {"_class_name": name, **config}, "steps": steps}
    if mu is not None:
        case["mu"] = mu
    return {**case, "timesteps": [float(t) for t in scheduler.timesteps], "samples": samples}


# ---------------------------------------------------------------- cases from the formulas, fp64


def run_nodes(nodes, prediction, order):
    """DPM-Solver++ (order 1 = DDIM, 2 = midpoint) over nodes (timestep, alpha, sigma), the last of
    which is where sampling ends. First order over a step that starts at alpha = 0 or ends at
    sigma = 0, and directly after the former, where no second difference exists."""
    log_snr = [
        -math.inf if a == 0 else math.inf if s == 0 else math.log(a / s) for _, a, s in nodes
    ]
    x = torch.tensor(START, dtype=torch.float64)
    previous, samples = None, []
    for i in range(len(nodes) - 1):
        t, a, s = nodes[i]
        _, a_next, s_next = nodes[i + 1]
        out = model(x, t)
        x0 = a * x - s * out if prediction == "v_prediction" else (x - s * out) / a
        h = log_snr[i + 1] - log_snr[i]
        d = x0
        if order == 2 and i > 0 and math.isfinite(log_snr[i - 1]) and math.isfinite(h):
            d = x0 + (x0 - previous) * h / (2 * (log_snr[i] - log_snr[i - 1]))
        x = s_next / s * x + a_next * (1 - math.exp(-h)) * d
        previous = x0
        samples.append(x.tolist())
    return samples


def cosine_node(t):
    alpha, sigma = math.cos(math.pi * t / 2), math.sin(math.pi * t / 2)
    return (1000 * t, 0.0 if t == 1 else alpha, sigma)


def log_snr_node(lam):
    """The point of the cosine schedule with log(alpha / sigma) = lam."""
    return cosine_node(2 / math.pi * math.atan(math.exp(-lam)))


def reference_cases():
    base = {"beta_schedule": "continuous_cosine", "prediction_type": "v_prediction"}
    for name, order in (("DDIMScheduler", 1), ("DPMSolverMultistepScheduler", 2)):
        for steps in (1, 2, 8, 15):
            for shift in (1.0, 1.5):
                t = np.linspace(1, 0, steps + 1)
                nodes = [cosine_node(float(v)) for v in shift * t / (1 + (shift - 1) * t)]
                config = {**base, "_class_name": name, "time_shift": shift}
                if name == "DDIMScheduler":
                    config["clip_sample"] = False
                yield config, steps, nodes, order
    # Zero terminal SNR: one exact jump from alpha = 0, then N - 1 steps uniform in log-SNR.
    for start, end in ((-4.0, 5.0), (-3.0, 4.5)):
        nodes = [cosine_node(1.0)] + [log_snr_node(v) for v in np.linspace(start, end, 12)]
        config = {**base, "_class_name": "DPMSolverMultistepScheduler", "log_snr_grid": "paper",
                  "lambda_start": start, "lambda_end": end, "lower_order_final": False}
        yield config, 12, nodes, 2
    # The same without zero terminal SNR, on a table: N + 1 nodes from first to last entry; the
    # time of a level is read off between the entries, linearly in log alpha.
    betas = torch.linspace(SD["beta_start"] ** 0.5, SD["beta_end"] ** 0.5, 1000) ** 2
    bars = torch.cumprod(1 - betas, 0).double().numpy()
    log_alpha = 0.5 * np.log(bars)
    lam = log_alpha - 0.5 * np.log1p(-bars)
    nodes = []
    for v in np.linspace(lam[-1], lam[0], 13):
        la = -0.5 * np.logaddexp(0.0, -2.0 * v)
        t = float(np.interp(-la, -log_alpha, np.arange(1000)))
        nodes.append((t, math.exp(la), math.sqrt(-math.expm1(2 * la))))
    config = {**SD, "_class_name": "DPMSolverMultistepScheduler", "log_snr_grid": "paper",
              "lower_order_final": False, "final_sigmas_type": "sigma_min"}
    yield config, 12, nodes, 2


def run_reference(config, steps, nodes, order):
    prediction = config.get("prediction_type", "epsilon")
    return {"config": config, "steps": steps, "reference": True,
            "timesteps": [n[0] for n in nodes[:-1]], "samples": run_nodes(nodes, prediction, order)}


# ---------------------------------------------------------------- file


def rounded(value):
    """Nine significant digits: enough to give every fp32 back exactly."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return value


def make():
    cases = [run_diffusers(*c) for make_cases in (ddim_cases, dpm_cases, unipc_cases, flow_cases)
             for c in make_cases()]
    cases += [run_reference(*c) for c in reference_cases()]
    return [{k: rounded(v) for k, v in case.items()} for case in cases]


def dump(cases):
    lines = ",\n".join(json.dumps(c) for c in cases)
    start = json.dumps(START)
    return f'{{"start": {start},\n"cases": [\n{lines}\n]}}\n'


def check(cases):
    committed = json.loads(FIXTURE.read_text())["cases"]
    assert len(committed) == len(cases), f"{len(cases)} cases, {len(committed)} committed"
    for new, old in zip(cases, committed):
        label = json.dumps(new["config"]) + f" steps={new['steps']}"
        assert new["config"] == old["config"] and new["steps"] == old["steps"], label
        for key in ("timesteps", "samples"):
            a, b = np.array(new[key]), np.array(old[key])
            assert a.shape == b.shape, f"{label}: {key}"
            error = np.abs(a - b).max() / max(np.abs(b).max(), 1e-12)
            assert error <= TOLERANCE, f"{label}: {key} differ by {error:.2g}"
    print(f"{len(cases)} scheduler cases agree with {FIXTURE.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    cases = make()
    if arguments.check:
        check(cases)
    else:
        FIXTURE.parent.mkdir(parents=True, exist_ok=True)
        FIXTURE.write_text(dump(cases))
        print(f"{len(cases)} cases, {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
