package resource

import (
	"slices"

	"go.yaml.in/yaml/v3"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Mesh is Istio's MeshConfig as far as it touches a gateway. It is shared and must not be changed.
type Mesh struct {
	// Config holds what the file says, without defaults.
	Config *meshv1alpha1.MeshConfig
	// Origin finds the place of a field; its document is the zero value where there is no file.
	Origin Origin
}

// DefaultMesh returns what counts where there is no mesh configuration.
func DefaultMesh() *Mesh { return &Mesh{Config: &meshv1alpha1.MeshConfig{}} }

// DetectsOutliers reports whether gateways notice that endpoints fail also where no
// DestinationRule says so.
func (m *Mesh) DetectsOutliers() bool {
	return m.Config.GetDefaultTrafficPolicy().GetOutlierDetection() != nil
}

// At returns the position of the value at a path that begins at the file's root, such as
// Path{"extensionProviders", 0}. Without a file it is the zero position.
func (m *Mesh) At(path Path) diag.Position {
	if m.Origin.Document.Root == nil {
		return diag.Position{}
	}
	return m.Origin.At(path)
}

// Provider returns the extension provider of a name and its index in extensionProviders,
// or false where there is none.
func (m *Mesh) Provider(name string) (*meshv1alpha1.MeshConfig_ExtensionProvider, int, bool) {
	all := m.Config.GetExtensionProviders()
	i := slices.IndexFunc(all, func(p *meshv1alpha1.MeshConfig_ExtensionProvider) bool { return p.GetName() == name })
	if i < 0 || name == "" {
		return nil, -1, false
	}
	return all[i], i, true
}

// DecodeMesh reads a mesh configuration: one document with the fields of MeshConfig at its
// top level, as strictly as policies are read. A field that Istio has and that would change
// what a gateway lets pass, but is not translated, is an error; one without a meaning for
// these gateways is a warning. An empty file is an error and not a return to the defaults,
// since an editor may be about to write it.
//
// The findings reach every gateway. With an error among them the Mesh returned holds
// nothing of the file and must not be served.
func DecodeMesh(file source.File) (*Mesh, diag.List) {
	documents, diags := source.Parse([]source.File{file})
	if len(diags) > 0 {
		return DefaultMesh(), emptyMesh(diags)
	}
	if len(documents) > 1 {
		second := documents[1]
		return DefaultMesh(), diag.List{diag.New(diag.CodeMesh, second.Position(second.Root), "the mesh configuration has a second document").
			WithHint("keep one; policies belong into the policy directory")}
	}
	r := &reporter{origin: Origin{Document: documents[0]}}
	c := meshChecker{valueChecker{r}}
	mesh := &Mesh{Config: &meshv1alpha1.MeshConfig{}, Origin: r.origin}
	if c.bareMesh(documents[0].Root) && (strictDecoder{r}).decodeAt(documents[0].Root, mesh.Config, nil) {
		c.mesh(mesh.Config)
	}
	found := r.finish(r.diags)
	if found.HasErrors() {
		return DefaultMesh(), found
	}
	return mesh, found
}

// emptyMesh words the way out of an empty file for a mesh configuration.
func emptyMesh(diags diag.List) diag.List {
	for i := range diags {
		if diags[i].Code == diag.CodeEmptyFile {
			diags[i].Hint = "write the configuration, {} for the defaults, or start without --mesh-config"
		}
	}
	return diags
}

// meshChecker checks a mesh configuration; its providers are left to [meshProviderChecker].
type meshChecker struct{ valueChecker }

// bareMesh refuses what people have that holds a MeshConfig somewhere inside, and says what
// to take out of it.
func (c meshChecker) bareMesh(root *yaml.Node) bool {
	hint := ""
	switch {
	case root.Kind != yaml.MappingNode:
		c.add(diag.CodeMesh, nil, "the mesh configuration is %s, not an object", describe(root)).WithHint("write the fields of MeshConfig, such as accessLogFile: /dev/stdout")
		return false
	case isKind(root, "ConfigMap"):
		hint = "paste the text below data.mesh into a file of its own"
	case isKind(root, "IstioOperator"):
		hint = "paste what stands below spec.meshConfig into a file of its own"
	case child(root, "kind") != nil || child(root, "apiVersion") != nil:
		hint = "write the fields of MeshConfig at the top level, without apiVersion and kind"
	case child(root, "meshConfig") != nil:
		hint = "paste what stands below meshConfig into a file of its own"
	default:
		return true
	}
	c.add(diag.CodeMesh, nil, "the file holds more than the fields of MeshConfig").WithHint("%s", hint)
	return false
}

func isKind(root *yaml.Node, kind string) bool {
	n := child(root, "kind")
	return n != nil && n.Value == kind
}
