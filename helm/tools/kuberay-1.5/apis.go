// Package apis names the Go types of KubeRay of which its custom resource definitions are generated.
package apis

import _ "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
