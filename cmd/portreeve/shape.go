package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

// The shapes of a gateway's resources: what it is served, and what Istio would generate.
const (
	shapePortreeve = "portreeve"
	shapeIstio     = "istio"
)

// shapeFlag chooses a shape.
type shapeFlag struct {
	shape string
}

func (f *shapeFlag) register(c *cobra.Command) {
	c.Flags().StringVar(&f.shape, "shape", shapePortreeve, "Shape of the filters of policy: portreeve, what gateways are served, or istio, what Istio would generate, for comparison.")
}

// chosen returns the shape.
func (f *shapeFlag) chosen() (string, error) {
	if f.shape != shapePortreeve && f.shape != shapeIstio {
		return "", fmt.Errorf("shape %q is not one of %s, %s", f.shape, shapePortreeve, shapeIstio)
	}
	return f.shape, nil
}

// notePresence says where Istio's shape lets pass what gateways refuse: Istio does not look at presence.
func notePresence(w io.Writer, resources []*resource.Resource) {
	for _, r := range resources {
		spec, _ := r.Spec.(*securityv1beta1.RequestAuthentication)
		for _, rule := range spec.GetJwtRules() {
			if rule.GetPresence() == securityv1beta1.JWTRule_REQUIRED {
				fmt.Fprintf(w, "note: Istio ignores the presence: REQUIRED of %s, and so does this shape: requests without the token pass its JWT rules\n", r.Key)
				break
			}
		}
	}
}
