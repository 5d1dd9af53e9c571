//! Parents before children.

use super::Node;

/// Sorts the nodes so that every parent precedes its children, the root first. `Err` contains the tables of a cycle.
pub fn sort(nodes: Vec<Node>) -> Result<Vec<Node>, Vec<String>> {
    let mut placed: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    while order.len() < nodes.len() {
        let next = (0..nodes.len()).find(|&n| {
            placed[n].is_none() && nodes[n].parents.iter().all(|p| placed[p.node].is_some())
        });
        let Some(next) = next else {
            return Err((0..nodes.len())
                .filter(|&n| placed[n].is_none())
                .map(|n| nodes[n].moved.table.id.to_string())
                .collect());
        };
        placed[next] = Some(order.len());
        order.push(next);
    }
    let mut nodes: Vec<_> = nodes.into_iter().map(Some).collect();
    let mut sorted: Vec<Node> = order.iter().filter_map(|&n| nodes[n].take()).collect();
    for parent in sorted.iter_mut().flat_map(|node| &mut node.parents) {
        parent.node = placed[parent.node].unwrap_or_default();
    }
    Ok(sorted)
}
