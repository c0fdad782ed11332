"""`syndiff conformance`: a fixed protocol of measurements for any CARLA 0.9.16 server, and the comparison of two."""
