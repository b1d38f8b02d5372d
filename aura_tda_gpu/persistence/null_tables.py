from .significance import UNIVERSAL, Calibration


def calibration_for(*, landmarks: str, n_vertices: int, n_points: int, dim: int) -> Calibration:
    return UNIVERSAL


def required_run(overlap: int) -> int:
    return overlap
