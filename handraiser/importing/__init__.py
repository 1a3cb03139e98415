"""History on its way in: files of events in; batches over HTTP, a mark that ends the import, and what came of it, out."""
