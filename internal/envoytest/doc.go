// Package envoytest runs a real Envoy: for tests, which need its verdict and no imitation's, and
// for the demo. It finds the binary, starts it on a bootstrap, waits until it is ready, asks its
// admin address, and stops it by its own process id.
//
//	envoy := envoytest.Run(t, envoytest.Options{Bootstrap: bootstrap})
//	address := envoy.MustListener(t, "http")
//	client, err := envoytest.Dial(ctx, address)
//
// Everything listens on 127.0.0.1 and every wait has a bound. A test that needs Envoy is skipped
// where there is none, and fails instead where CI or PORTREEVE_REQUIRE_ENVOY is set.
package envoytest
