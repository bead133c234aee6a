// Package differential holds package translate/explain against the real Envoy: random policies, requests
// around their boundaries, and both have to answer alike. All of it are tests; a disagreement prints the
// smallest policy and request that show it.
package differential
