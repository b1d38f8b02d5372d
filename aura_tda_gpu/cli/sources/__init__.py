"""Where rows come from: files, pipes, files that grow; and what makes points of them."""
