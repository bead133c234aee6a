// Package origin makes events of what the parts of the control plane tell: generations, gateways, keys, certificates.
package origin
