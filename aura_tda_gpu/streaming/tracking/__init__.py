"""What a tracker is made of: matching, tracks, loops, links between scales, events."""
