"""How segments are formed, named, judged and described; and the segmenter that assigns them."""
