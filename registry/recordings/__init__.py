"""Recordings of cameras: segments as they came, what is kept of them and for how long, clips, exports."""
