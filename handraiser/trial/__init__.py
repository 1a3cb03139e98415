"""The pretend customer: in, a running server; out, whether exactly the leads that it must make came back as signed webhooks."""
