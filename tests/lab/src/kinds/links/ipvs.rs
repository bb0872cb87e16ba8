use super::LinkLab;

pub(super) fn labs() -> Vec<LinkLab> {
    Vec::new()
}
