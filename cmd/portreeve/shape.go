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
	c.Flags().StringVar(&f.shape, "shape", shapePortreeve, "Shape of the filters of policy: what gateways are served, or what Istio would generate, for comparison.")
	takes(c, "shape", oneOf(shapePortreeve, shapeIstio))
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
