"""What synthesized pictures are worth: beside true re-renders, beside baselines, read by frozen networks."""
